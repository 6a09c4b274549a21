"""Workflows that come with the studio: one fails, one ends well, one waits for a person.

::

    import engine
    from studio import samples

    shop = engine.Engine()
    workflow_id = samples.start(shop, "order_flow")

Definitions, inputs and worker functions are ordinary files in ``assets/samples``. Everything a
sample adds is named ``sample_…`` or marked with its ``ownerApp``; what is a user's own is never
replaced.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from engine.errors import ConflictError, InvalidRequestError, NotFoundError
from engine.functions import ATTRIBUTE, DEFAULT_REGISTRY, TaskFunction

from .asset_files import asset
from .sample_services import SampleService

if TYPE_CHECKING:
    from engine import Engine

OWNER: Final = "conductor-studio-samples"
"""``ownerApp`` of the samples' definitions."""
_SECONDS: Final = 60.0
"""How long one command of a start may take."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: what it is called, what it shows, and which files it consists of."""

    name: str
    title: str
    sentence: str
    """What happens in it."""
    shows: str
    """What there is to see in the studio."""
    workflow: str
    folder: str
    """Below ``assets/samples``."""
    functions: str
    """File of the worker functions in that folder."""
    definitions: tuple[str, ...]
    """Files of workflow definitions, sub-workflows first."""
    task_defs: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """What differs from ``input.json``."""
    calls_service: bool = False

    @property
    def notebook_lines(self) -> str:
        """Python that starts it."""
        return (
            "import engine\n"
            "from studio import samples\n\n"
            "shop = engine.Engine()\n"
            f'run = shop.execution(samples.start(shop, "{self.name}"))'
        )

    def path(self, name: str) -> Path:
        """One of its files."""
        return asset("samples", self.folder, name)


_ORDER_FLOW: Final[dict[str, Any]] = {
    "workflow": "order_flow",
    "folder": "order_flow",
    "functions": "payments.py",
    "definitions": ("fulfil.json", "order_flow.json"),
    "task_defs": "task_defs.json",
    "calls_service": True,
}
SAMPLES: Final[dict[str, Sample]] = {
    sample.name: sample
    for sample in (
        Sample(
            name="order_flow",
            title="An order that fails",
            sentence="Charging line 37 of 120 fails, because of a coupon typed at the start.",
            shows="Fork with an optional failure, switch, sub-workflow, loop, retries, and a cause "
            "three tasks before the failure.",
            **_ORDER_FLOW,
        ),
        Sample(
            name="order_flow_ok",
            title="The same order with a good coupon",
            sentence="All 120 lines are charged and the parcel is sent.",
            shows="A whole execution to compare the failed one with.",
            changes={"coupon": "SPRING14"},
            **_ORDER_FLOW,
        ),
        Sample(
            name="refund_flow",
            title="A refund that waits for a person",
            sentence="The bank's line is busy once, then the refund waits for approval.",
            shows="A retry that helps, and a task for a person.",
            workflow="refund_flow",
            folder="refund_flow",
            functions="refunds.py",
            definitions=("refund_flow.json",),
        ),
    )
}
"""The samples by name, the one that fails first."""


class Samples:
    """The samples over one engine. Callable from any thread; the calls block."""

    def __init__(self, engine: Engine) -> None:
        """Offer the samples; serve again those that were used with this database before."""
        self._engine = engine
        self._lock = threading.Lock()
        self._service: SampleService | None = None
        for sample in SAMPLES.values():
            # Executions of an earlier session may be open, and need their workers.
            if all(self._stored(body) is not None for body in _definitions(sample)):
                self._serve(sample)

    def names(self) -> list[str]:
        """Names of the samples, the one that fails first."""
        return list(SAMPLES)

    def offers(self) -> list[dict[str, str]]:
        """What a person reads before choosing one: ``{name, title, sentence}``, same order."""
        return [
            {"name": one.name, "title": one.title, "sentence": one.sentence}
            for one in SAMPLES.values()
        ]

    def start(self, name: str) -> str:
        """Start a sample and return the id of its execution; its workers run in the engine.

        Raises:
            InvalidRequestError: There is no sample of this name.
            ConflictError: A workflow of yours has the name of one of the sample's.
        """
        sample = SAMPLES.get(name)
        if sample is None:
            raise InvalidRequestError(
                f"There is no sample named {name!r}; there are {', '.join(SAMPLES)}."
            )
        self._register(sample)
        self._serve(sample)
        given = {**_read(sample.path("input.json")), **sample.changes}
        if sample.calls_service:
            given["service_url"] = self._service_url()
        request = {"name": sample.workflow, "version": 1, "input": given}
        starting = self._engine.service.start_workflow(request, f"sample:{sample.name}")
        return starting.result(_SECONDS)

    def close(self) -> None:
        """Stop the web service that samples call. The engine goes on. Safe to call twice."""
        with self._lock:
            service, self._service = self._service, None
        if service is not None:
            service.close()

    def _register(self, sample: Sample) -> None:
        bodies = _definitions(sample)
        missing = [body for body in bodies if not _is_same(self._stored(body), body)]
        service = self._engine.service
        if sample.task_defs:
            service.create_task_defs(_read(sample.path(sample.task_defs))).result(_SECONDS)
        for body in missing:
            service.create_workflow_def(body, overwrite=True).result(_SECONDS)

    def _stored(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The sample's definition as the engine has it; None when it has none of that name."""
        try:
            stored = self._engine.service.workflow_def(body["name"], body["version"])
        except NotFoundError:
            return None
        return stored

    def _serve(self, sample: Sample) -> None:
        """Have the sample's functions and web service at work."""
        functions = self._engine.functions
        for function in _functions(sample):
            if functions.get(function.name) is not function:
                functions.register(function)
        if sample.calls_service:
            self._service_url()

    def _service_url(self) -> str:
        with self._lock:
            if self._service is None:
                self._service = SampleService()
            return self._service.url


def samples_for(engine: Engine) -> Samples:
    """The samples over an engine; always the same object for the same one.

    They are closed with the engine.
    """
    with _lock:
        found = _by_engine.get(engine)
        if found is None:
            found = _by_engine[engine] = Samples(engine)
            engine.call_at_close(found.close)
        return found


def start(engine: Engine, name: str) -> str:
    """Start a sample and return the id of its execution. See ``Samples.start``."""
    return samples_for(engine).start(name)


def close() -> None:
    """Close the samples of all engines. Safe to call twice."""
    with _lock:
        found = list(_by_engine.values())
    for samples in found:
        samples.close()


_lock = threading.Lock()
_by_engine: WeakKeyDictionary[Engine, Samples] = WeakKeyDictionary()


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _definitions(sample: Sample) -> list[dict[str, Any]]:
    return [_read(sample.path(name)) for name in sample.definitions]


def _is_same(stored: Mapping[str, Any] | None, body: Mapping[str, Any]) -> bool:
    """Whether a stored definition is this one; it may lack only what the engine adds to it.

    Raises:
        ConflictError: It is somebody else's.
    """
    if stored is None:
        return False
    if stored.get("ownerApp") != OWNER:
        raise ConflictError(
            f"You have a workflow {body['name']!r} version {body['version']} of your own, which "
            "the sample would replace. Give yours another name to run the sample."
        )
    return all(stored.get(key) == value for key, value in body.items())


def _functions(sample: Sample) -> list[TaskFunction]:
    module = _load(sample)
    return [vars(one)[ATTRIBUTE] for one in vars(module).values() if _is_task_of(module, one)]


def _is_task_of(module: ModuleType, value: Any) -> bool:
    return getattr(value, "__module__", "") == module.__name__ and hasattr(value, ATTRIBUTE)


def _load(sample: Sample) -> ModuleType:
    """The sample's functions, imported by path: assets are no package in a source tree."""
    file = sample.path(sample.functions)
    name = f"conductor_studio_sample_{file.stem}"
    with _lock_loading:
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    for value in vars(module).values():
        if _is_task_of(module, value):
            # Engines that never run a sample shall not serve its functions.
            DEFAULT_REGISTRY.remove(vars(value)[ATTRIBUTE].name)
    return module


_lock_loading = threading.Lock()
