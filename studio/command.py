"""The ``conductor-studio`` command. Loads neither Panel nor DuckDB before it has to."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from engine.errors import EngineError, InvalidRequestError, Problem

from .arguments import Arguments
from .option_conflicts import COMMAND_OPTIONS, check_options
from .settings import PREFIX, Settings

MOST_IMPORTED: Final = 1_000
"""Executions that one import takes unless told otherwise."""
USAGE_EXIT: Final = 2
"""Exit status of everything that stops the command before it has done anything."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 done, 1 an execution failed, 2 not begun."""
    try:
        arguments = vars(_parser().parse_args(sys.argv[1:] if argv is None else argv))
        command = arguments.pop("command", None)
        settings = Settings.read(arguments)
        check_options(command, arguments, settings)
        if command == "run":
            from .run_command import run

            return run(settings, arguments["definition"], arguments.get("input") or "{}")
        if command == "rebuild":
            from .rebuild_command import rebuild

            return rebuild(settings)
        if command == "import":
            from .import_command import import_executions

            return import_executions(
                settings,
                arguments["source"],
                arguments.get("query") or "",
                arguments.get("limit") or MOST_IMPORTED,
            )
        if command == "publish":
            from .publish_command import publish_definitions

            return publish_definitions(settings, arguments["what"], arguments.get("yes", False))
        if command in ("user", "token", "secret", "audit"):
            from .account_commands import run_account_command

            return run_account_command(command, settings, arguments)
        from .serve_command import serve

        return serve(settings)
    except KeyboardInterrupt:
        return 130
    except InvalidRequestError as error:
        return _refuse(str(error), [_problem_words(problem) for problem in error.problems])
    except EngineError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(_os_error_words(error))


def _parser() -> argparse.ArgumentParser:
    parser = Arguments(
        prog="conductor-studio",
        description="Runs Conductor workflows on this machine and shows what they do.",
        epilog=f"Every option can be set in the environment: {PREFIX}PORT, {PREFIX}DB, …",
    )
    parser.add_argument("--version", action="version", version=f"conductor-studio {_version()}")
    _add_options(parser, ("host", "port", "db", "payloads", "workers", "open", "connect"))
    exposed = parser.add_argument_group("serving others")
    _add_options(exposed, ("names", "prefix", "proxy", "tls_cert", "tls_key", "private_addresses"))
    signing = parser.add_argument_group("signing on through an identity provider")
    names = ("provider", "key", "issuer", "redirect_uri", "params", "name_claim", "role_claim")
    _add_options(signing, [f"oauth_{name}" for name in (*names, "roles", "unknown")])
    told = parser.add_argument_group("telling others")
    _add_options(told, ("webhook_url", "webhook_events"))
    commands = parser.add_subparsers(dest="command", metavar="command", title="other commands")
    run = commands.add_parser("run", help="run one workflow in this process and print its output")
    run.add_argument("definition", metavar="DEFINITION.json", help="workflow definition to run")
    run.add_argument(
        "--input", metavar="JSON", help="input of the execution, or @FILE; default: {}"
    )
    _add_options(run, COMMAND_OPTIONS["run"])
    bring = commands.add_parser(
        "import", help="take over executions of a server or a file, with their sub-workflows"
    )
    bring.add_argument("source", metavar="URL|FILE.json", help="http://HOST:8080/api, or a file")
    bring.add_argument("--query", help="which ones: \"workflowType='etl' AND status='FAILED'\"")
    bring.add_argument(
        "--limit", type=int, metavar="N", help=f"at most so many; default: {MOST_IMPORTED}"
    )
    _add_options(bring, COMMAND_OPTIONS["import"])
    publish = commands.add_parser(
        "publish", help="write definitions to the server of --connect, after showing the difference"
    )
    publish.add_argument(
        "what", nargs="+", metavar="NAME|FILE.json", help="definitions of the database or of files"
    )
    publish.add_argument("--yes", action="store_true", help="don't ask")
    _add_options(publish, COMMAND_OPTIONS["publish"])
    rebuild = commands.add_parser(
        "rebuild", help="recompute the tables of a database from its events"
    )
    _add_options(rebuild, COMMAND_OPTIONS["rebuild"])
    from .account_commands import add_parsers

    add_parsers(commands, _add_options)
    return parser


def _add_options(parser: argparse._ActionsContainer, names: Sequence[str]) -> None:
    fields = {one.name: one for one in dataclasses.fields(Settings)}
    for name in names:
        one, option = fields[name], name.replace("_", "-")
        default = f" Default: {one.default}." if one.default not in ("", True, False) else ""
        options: dict[str, Any] = {
            "help": one.metadata["sentence"] + default,
            # A subcommand's own default would overwrite what stood before the subcommand.
            "default": argparse.SUPPRESS,
        }
        if isinstance(one.default, bool):
            parser.add_argument(f"--{option}", action=argparse.BooleanOptionalAction, **options)
        else:
            parser.add_argument(
                f"--{option}", type=type(one.default), metavar=name.upper(), **options
            )


def _refuse(reason: str, details: Sequence[str] = ()) -> int:
    line = " ".join(reason.split())
    sys.stderr.write("".join(f"{text}\n" for text in (f"conductor-studio: {line}", *details)))
    return USAGE_EXIT


def _problem_words(problem: Problem) -> str:
    where = f"{problem.path}: " if problem.path else ""
    hint = f" ({problem.suggestion})" if problem.suggestion else ""
    return f"  {where}{problem.message}{hint}"


def _os_error_words(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename else what


def _version() -> str:
    try:
        return version("conductor-studio")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"


if __name__ == "__main__":
    sys.exit(main())
