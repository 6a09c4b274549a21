"""The command line's grammar: a slip is told in one line that names it and what was meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from engine.errors import InvalidRequestError
from engine.models.problems import did_you_mean


class Arguments(argparse.ArgumentParser):
    """A parser that raises ``InvalidRequestError`` instead of printing its usage.

    argparse takes the value of an option that it does not know for a command, and then complains
    about that; so options and commands are looked at first.
    """

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The arguments by name.

        Raises:
            InvalidRequestError: An option or command is unknown, or a value can't be used.
        """
        given = list(args) if args is not None else None
        if given is not None:
            self.check_words(given)
        return super().parse_args(given, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise for what argparse found.

        Raises:
            InvalidRequestError: Always.
        """
        raise InvalidRequestError(f"{message[:1].upper()}{message[1:]}. See {self.prog} --help.")

    def check_words(self, words: Sequence[str]) -> None:
        """Refuse unknown options and commands, in the order in which they stand.

        Raises:
            InvalidRequestError: It names the first and what it resembles.
        """
        options = self._option_string_actions
        commands = self._commands()
        waiting = iter(words)
        for word in waiting:
            if word == "--":
                return
            name, equals, _ = word.partition("=")
            if word.startswith("--"):
                found = [one for one in options if one == name] or [
                    one for one in options if one.startswith(name)
                ]
                if not found:
                    self._refuse("option", name, options)
                if not equals and options[found[0]].nargs is None:
                    next(waiting, None)  # its value, whatever it looks like
            elif commands and not word.startswith("-"):
                if word not in commands:
                    self._refuse("command", word, commands)
                commands[word].check_words(list(waiting))
                return

    def _commands(self) -> dict[str, Arguments]:
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                return action.choices  # type: ignore[return-value]  # they are of this class
        return {}

    def _refuse(self, kind: str, word: str, known: Any) -> NoReturn:
        names = [name for name in known if kind == "command" or name.startswith("--")]
        hint = did_you_mean(word, names).replace("'", "") or (
            f"There are {', '.join(names)}." if kind == "command" else f"See {self.prog} --help."
        )
        raise InvalidRequestError(f"Unknown {kind} {word[:80]}. {hint}")
