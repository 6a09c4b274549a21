"""From a task's input to the arguments of a Python function, and back from its result.

Rules of this file
  1. Everything that can be found out about a function is found out once, when it is registered.
  2. A value whose class is exactly the annotated one is passed on unchecked; pydantic is asked
     for everything else, and only loaded when it is first needed.
  3. Containers are copied on the way in and out: the engine's record is never a function's to
     change.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from .errors import NonRetryableError

_PLAIN: Final = (str, int, float, bool)
_CONTAINERS: Final = (dict, list)
_REQUIRED: Final = inspect.Parameter.empty
WHOLE_INPUT_NAME: Final = "input_data"


class InvalidInputError(NonRetryableError):
    """The task's input does not fit the function's parameters; trying again can't help."""


class Binder:
    """Turns inputs into arguments for one function. Safe to use from several threads."""

    def __init__(self, function: Callable[..., Any], context_type: type) -> None:
        """Read the signature of ``function``.

        Args:
            function: Sync or async; its annotations may be strings.
            context_type: Annotation of the parameter that gets the task context.

        Raises:
            TypeError: A parameter can't be filled by name (``*args``).
        """
        self.name = getattr(function, "__name__", "function")
        signature = inspect.signature(function)
        hints = _hints(function)
        self.context_name: str | None = None
        self.takes_rest = False
        self._parameters: list[_Parameter] = []
        self.return_type: Any = hints.get("return", Any)
        for parameter in signature.parameters.values():
            annotation = hints.get(parameter.name, Any)
            if _is_context(annotation, context_type):
                self.context_name = parameter.name
            elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
                self.takes_rest = True
            elif parameter.kind in (
                inspect.Parameter.VAR_POSITIONAL,
                inspect.Parameter.POSITIONAL_ONLY,
            ):
                raise TypeError(
                    f"Task function {self.name}: parameter {parameter.name!r} can't be given by "
                    "name; inputs are passed by name."
                )
            else:
                self._parameters.append(_Parameter(parameter.name, annotation, parameter.default))
        self.whole = self._parameters[0] if self._takes_whole() else None
        self._names = frozenset(parameter.name for parameter in self._parameters)

    @property
    def input_keys(self) -> list[str]:
        """Names of the inputs the function reads; empty when it takes the whole input."""
        if self.whole is not None and self.whole.name == WHOLE_INPUT_NAME:
            return []
        return [parameter.name for parameter in self._parameters]

    def arguments(self, input_data: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword arguments for an input (without the context).

        Raises:
            InvalidInputError: Names every input that is missing or has a wrong value.
        """
        whole = self.whole
        if whole is not None and (whole.name == WHOLE_INPUT_NAME or whole.name not in input_data):
            return self._whole_argument(whole, input_data)
        arguments: dict[str, Any] = {}
        problems: list[str] | None = None
        for parameter in self._parameters:
            name = parameter.name
            if name in input_data:
                value = input_data[name]
                if value.__class__ in parameter.exact:
                    arguments[name] = copied(value) if value.__class__ in _CONTAINERS else value
                    continue
                problem = parameter.convert(value, arguments)
                if problem:
                    problems = [*(problems or ()), problem]
            elif parameter.default is _REQUIRED:
                problems = [*(problems or ()), f"input {name!r} is missing"]
        if problems:
            raise InvalidInputError(f"{self.name}: {'; '.join(problems)}.")
        if self.takes_rest:
            for name, value in input_data.items():
                if name not in self._names:
                    arguments[name] = copied(value)
        return arguments

    def _whole_argument(self, whole: _Parameter, data: Mapping[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        problem = whole.convert(dict(data), arguments)
        if problem and whole.default is _REQUIRED:
            raise InvalidInputError(f"{self.name}: {problem}.")
        return arguments

    def _takes_whole(self) -> bool:
        if len(self._parameters) != 1 or self.takes_rest:
            return False
        only = self._parameters[0]
        return only.name == WHOLE_INPUT_NAME or only.is_object

    def json_schema(self) -> dict[str, Any] | None:
        """JSON Schema of the input, or None when a type has none."""
        from pydantic import PydanticSchemaGenerationError, TypeAdapter, create_model
        from pydantic.errors import PydanticInvalidForJsonSchema

        try:
            if self.whole is not None and self.whole.name == WHOLE_INPUT_NAME:
                annotation = self.whole.annotation
                found = TypeAdapter(dict if annotation is Any else annotation).json_schema()
                return found if isinstance(found, dict) else None
            fields: dict[str, Any] = {
                parameter.name: (
                    parameter.annotation,
                    ... if parameter.default is _REQUIRED else parameter.default,
                )
                for parameter in self._parameters
            }
            schema: dict[str, Any] = create_model(self.name, **fields).model_json_schema()
        except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, NameError, TypeError):
            return None
        schema.pop("title", None)
        return schema


class _Parameter:
    """One parameter: what it accepts unchecked, and the slow path for the rest."""

    __slots__ = ("_adapter", "annotation", "default", "exact", "is_object", "name")

    def __init__(self, name: str, annotation: Any, default: Any) -> None:
        self.name = name
        self.annotation = annotation
        self.default = default
        accepted = _accepted(annotation)
        self.exact: frozenset[type] = accepted.exact
        self.is_object = accepted.is_object
        self._adapter: Any = None

    def convert(self, value: Any, arguments: dict[str, Any]) -> str:
        """Put the converted value into ``arguments``, or return what is wrong with it."""
        from pydantic import TypeAdapter, ValidationError

        if self.annotation is Any:
            arguments[self.name] = copied(value)
            return ""
        if self._adapter is None:
            self._adapter = TypeAdapter(self.annotation)
        try:
            arguments[self.name] = self._adapter.validate_python(copied(value))
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = "".join(f"[{step!r}]" for step in first["loc"])
            shown = repr(first["input"])
            shown = shown if len(shown) <= 80 else shown[:79] + "…"
            return f"input {self.name!r}{where}: {first['msg']}, got {shown}"
        return ""


class _Accepted(NamedTuple):
    exact: frozenset[type]
    """Classes of values that need no conversion."""
    is_object: bool
    """Whether a JSON object fits: a dict, a dataclass, a pydantic model, a TypedDict."""


def _accepted(annotation: Any) -> _Accepted:
    if annotation is Any:
        return _Accepted(frozenset((*_PLAIN, *_CONTAINERS, type(None))), False)
    if annotation in _PLAIN:
        return _Accepted(frozenset((annotation,)), False)
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        inner = [_accepted(argument) for argument in arguments if argument is not type(None)]
        exact = frozenset().union(*(accepted.exact for accepted in inner))
        if type(None) in arguments:
            exact |= {type(None)}
        return _Accepted(exact, False)
    if annotation is list or (origin is list and arguments == (Any,)):
        return _Accepted(frozenset((list,)), False)
    if annotation is dict or (origin is dict and arguments == (str, Any)):
        return _Accepted(frozenset((dict,)), True)
    if origin is dict or typing.is_typeddict(annotation):
        return _Accepted(frozenset(), True)
    is_object = isinstance(annotation, type) and (
        dataclasses.is_dataclass(annotation) or hasattr(annotation, "model_validate")
    )
    return _Accepted(frozenset(), is_object)


def output_of(result: Any) -> dict[str, Any]:
    """A function's result as a task's output: dicts and records as they are, None as ``{}``,
    anything else under ``result``. Always a copy made of JSON values.

    Raises:
        TypeError: The result holds something JSON has no word for.
    """
    if result is None:
        return {}
    if result.__class__ in _PLAIN:
        return {"result": result if result.__class__ is not float else copied(result)}
    ready = copied(result)
    return ready if ready.__class__ is dict else {"result": ready}


def copied(value: Any) -> Any:
    """A deep copy made of JSON values only; NaN and the infinities, which JSON lacks, are None."""
    ready = msgspec.to_builtins(value, str_keys=True, enc_hook=_foreign)
    # They are recorded as null; what is in memory has to be what a restart will read.
    text = msgspec.json.encode(ready)
    return msgspec.json.decode(text) if b"null" in text else ready


def _foreign(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    for method in ("to_dict", "tolist", "isoformat"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    raise TypeError(
        f"{type(value).__module__}.{type(value).__qualname__} can't be stored as JSON; "
        "return dicts, lists, texts and numbers."
    )


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # Names only known while type checking: such parameters are passed on as they are.
        raw = inspect.get_annotations(inspect.unwrap(function))
        return {name: kind for name, kind in raw.items() if not isinstance(kind, str)}


def _is_context(annotation: Any, context_type: type) -> bool:
    if annotation is context_type:
        return True
    return context_type in typing.get_args(annotation)
