"""Declaring, registering, finding and checking handlers."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import pytest

from runeskript.engine.handlers import FunctionHandler, Handler, HandlerRegistry, handler, loading
from runeskript.engine.handlers.durations import milliseconds
from runeskript.engine.handlers.failures import failure_of, problems_of
from runeskript.engine.handlers.loading import collect, discover, load_handlers
from runeskript.errors import HandlerDefinitionError, StepError
from runeskript.model.catalog import HandlerInfo, ParamProblem


@dataclass
class Order:
    id: str
    amount: int
    tags: list[str] = field(default_factory=list)


class Struct(msgspec.Struct, rename={"from_": "from"}):
    from_: str
    to: str | None = None


class Typed(TypedDict, total=False):
    a: int


def declared(function: Callable[..., Any], **options: Any) -> Handler:
    return handler("x.y", **options)(function)


# --- the decorator ------------------------------------------------------------------------------
async def test_a_decorated_function_is_still_one() -> None:
    @handler("shop.pay", idempotent=True)
    async def pay(params: Order, ctx: Any) -> int:
        """Pay an order."""
        return params.amount

    assert isinstance(pay, FunctionHandler)
    assert await pay(Order("a", 5), None) == 5
    assert await pay.execute({"id": "a", "amount": 7}, None) == 7  # type: ignore[arg-type]
    assert pay.validate({"id": "a", "amount": 7}) == []
    assert len(pay.validate({"id": "a"})) == 1
    assert (pay.name, pay.mode, pay.doc, pay.__name__) == (
        "shop.pay",
        "async",
        "Pay an order.",
        "pay",
    )
    assert "shop.pay" in repr(pay)


def test_modes() -> None:
    async def a(params: Any, ctx: Any) -> None: ...

    def b(params: Any, ctx: Any) -> None: ...

    assert declared(a).mode == "async"
    assert declared(b).mode == "thread"
    assert declared(b, mode="async").mode == "async"
    for mode in ("thread", "process", "inline"):
        with pytest.raises(HandlerDefinitionError):
            declared(a, mode=mode)


@pytest.mark.parametrize(
    "name", ["", "a..b", ".a", "a.", "1a", "a b", "ä", "a\n", "x" * 129, 5, None]
)
def test_bad_names(name: Any) -> None:
    with pytest.raises(HandlerDefinitionError, match="no handler name"):
        handler(name)


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"limit": True}, {"limit": 1.5}, {"timeout": "soon"}, {"timeout": "0s"}],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(HandlerDefinitionError):
        handler("x", **options)


def test_timeouts() -> None:
    async def a(params: Any, ctx: Any) -> None: ...

    assert declared(a, timeout="1.5s").timeout_ms == 1_500
    assert declared(a, timeout=timedelta(minutes=1)).timeout_ms == 60_000


def test_bad_functions() -> None:
    def none() -> None: ...
    def one(params: Any) -> None: ...
    def three(a: Any, b: Any, c: Any) -> None: ...
    def keyword(a: Any, b: Any, *, c: Any) -> None: ...

    for function in (none, one, three, keyword):
        with pytest.raises(HandlerDefinitionError, match=r"f\(params, ctx\)"):
            declared(function)
    with pytest.raises(HandlerDefinitionError, match="no function"):
        declared(5)  # type: ignore[arg-type]
    with pytest.raises(HandlerDefinitionError):
        declared(int)


def test_good_functions() -> None:
    def starred(*args: Any) -> None: ...
    def extra(params: Any, ctx: Any, more: int = 1) -> None: ...

    class Service:
        def method(self, params: Order, ctx: Any) -> None: ...

    for function in (starred, extra, Service().method):
        assert declared(function).mode == "thread"
    assert declared(Service().method).typed is not None


# --- validation from annotations ----------------------------------------------------------------
def test_schema_and_conversion() -> None:
    async def f(params: Order, ctx: Any) -> None: ...

    found = declared(f)
    assert found.params_schema == {
        "title": "Order",
        "type": "object",
        "required": ["id", "amount"],
        "properties": {
            "id": {"type": "string"},
            "amount": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    }
    assert found.typed is not None
    assert found.typed.convert({"id": "a", "amount": 1}) == Order("a", 1, [])


def test_what_an_annotation_says_of_the_result() -> None:
    def says(annotation: Any) -> Any:
        async def f(params: Any, ctx: Any): ...

        f.__annotations__["return"] = annotation
        return declared(f).result_schema

    assert says(int) == {"type": "integer"}
    assert says(float) == {"type": "number"}
    assert says(None) == {"type": "null"}
    assert says(list[str]) == {"type": "array", "items": {"type": "string"}}
    assert says(dict[str, int])["additionalProperties"] == {"type": "integer"}
    order = says(Order)
    assert (order["required"], order["additionalProperties"]) == (["id", "amount"], False)
    rows = says(list[Order])
    assert rows["$defs"]["Order"]["additionalProperties"] is False
    assert says(Typed)["additionalProperties"] is False
    assert {"$ref": "#/$defs/Order"} in says(Order | None)["anyOf"]


@pytest.mark.parametrize(
    "annotation",
    [Any, dict, list, object, "Nowhere", Callable[[], int], Struct, list[Struct], type, 3],
)
def test_an_annotation_that_says_nothing_of_use(annotation: Any) -> None:
    async def f(params: Any, ctx: Any): ...

    f.__annotations__["return"] = annotation
    assert not declared(f).result_schema


def test_no_annotation_says_nothing() -> None:
    async def f(params, ctx): ...  # type: ignore[no-untyped-def]

    assert declared(f).result_schema is None


def test_types_of_the_defining_scope_are_found() -> None:
    @dataclass
    class Local:
        n: int

    @handler("x")
    async def f(params: Local, ctx: Any) -> None: ...

    assert f.typed is not None
    assert f.typed.convert({"n": 1}) == Local(1)


def test_an_annotation_that_cannot_be_resolved() -> None:
    namespace: dict[str, Any] = {"handler": handler}
    code = (
        "from __future__ import annotations\n"
        "@handler('x')\nasync def f(params: Nowhere, ctx): ...\n"
    )
    with pytest.raises(HandlerDefinitionError, match="Nowhere"):
        exec(code, namespace)


@pytest.mark.parametrize("annotation", [dict, dict[str, Any], Any, None, int])
def test_other_annotations_mean_a_plain_dict(annotation: Any) -> None:
    async def f(params, ctx): ...  # type: ignore[no-untyped-def]

    f.__annotations__["params"] = annotation
    assert declared(f).typed is None


def test_a_type_msgspec_cannot_validate() -> None:
    @dataclass
    class Odd:
        x: int | Order | Struct

    async def f(params: Odd, ctx: Any) -> None: ...

    with pytest.raises(HandlerDefinitionError, match="Odd cannot be validated"):
        handler("x")(f)


def test_check_sees_each_key_by_itself() -> None:
    async def f(params: Order, ctx: Any) -> None: ...

    registry = HandlerRegistry([declared(f)])
    info = registry.get("x.y")
    assert info is not None
    check: HandlerInfo = info

    assert check.check({"id": "a", "amount": 1}, frozenset()) == []
    assert check.check({"id": "a"}, frozenset(("amount",))) == []
    assert check.check({}, frozenset(("id", "amount", "tags"))) == []
    unknown = check.check({"id": "a", "amont": 1}, frozenset(("amount",)))
    assert unknown == [
        ParamProblem("amont", "there is no parameter `amont`", "did you mean `amount`?")
    ]
    far = check.check({"id": "a", "zzz": 1}, frozenset(("amount",)))
    assert far[0].hint == "known parameters: id, amount, tags"
    missing = check.check({"id": "a"}, frozenset())
    assert missing == [ParamProblem(None, "the parameter `amount` is missing")]
    several = check.check({"id": 5, "amount": "1", "tags": [1]}, frozenset())
    assert [p.key for p in several] == ["id", "amount", "tags"]
    assert several[0].message == "`id`: expected text, got `int`"
    assert "at `[0]`" in several[2].message
    dynamic = check.check({}, frozenset(("id", "amount", "nonsense")))
    assert [p.key for p in dynamic] == ["nonsense"]


def test_renamed_fields_and_typed_dicts() -> None:
    async def f(params: Struct, ctx: Any) -> None: ...
    async def g(params: Typed, ctx: Any) -> None: ...

    struct = declared(f).typed
    assert struct is not None
    assert struct.check({"from": "a"}, frozenset()) == []
    assert [p.key for p in struct.check({"from_": "a"}, frozenset())] == ["from_"]
    typed = declared(g).typed
    assert typed is not None
    assert typed.check({}, frozenset()) == []
    assert typed.convert({"a": 1}) == {"a": 1}
    assert [p.key for p in typed.check({"a": "x", "b": 1}, frozenset())] == ["b", "a"]


def test_an_own_check_in_the_type() -> None:
    @dataclass
    class Range:
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is over high")

    async def f(params: Range, ctx: Any) -> None: ...

    typed = handler("x")(f).typed
    assert typed is not None
    with pytest.raises(Exception, match="wrong parameters") as caught:
        typed.convert({"low": 2, "high": 1})
    error = failure_of(caught.value)
    assert error["type"] == "params"
    assert "low is over high" in str(error["message"])


# --- the registry -------------------------------------------------------------------------------
class Own:
    """A handler of a class of its own."""

    name = "own"
    idempotent = True
    timeout = "2s"

    def __init__(self) -> None:
        self.answer: Any = None

    def validate(self, params: dict[str, Any]) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def execute(self, params: dict[str, Any], ctx: Any) -> Any:
        return params


def test_objects_of_the_protocol() -> None:
    own = Own()
    registry = HandlerRegistry([own])
    found = registry.get("own")
    assert found is not None
    assert (found.mode, found.idempotent, found.pure, found.timeout_ms, found.doc) == (
        "async",
        True,
        False,
        2_000,
        "A handler of a class of its own.",
    )
    assert found.check({"a": 1}, frozenset()) == []
    for answer, problems in (
        ("no a", [ParamProblem(None, "no a")]),
        (["x", ("k", "bad")], [ParamProblem(None, "x"), ParamProblem("k", "bad")]),
        ([ParamProblem("k", "m", "h")], [ParamProblem("k", "m", "h")]),
        (ValueError("raised"), [ParamProblem(None, "raised")]),
        (KeyError(), [ParamProblem(None, "KeyError")]),
        (None, []),
        ([], []),
        (True, []),
    ):
        own.answer = answer
        assert found.check({"a": 1}, frozenset()) == problems
    own.answer = "no a"
    assert found.check({}, frozenset(("a",))) == []


def test_a_plain_execute_runs_in_a_thread() -> None:
    class Plain(Own):
        name = "plain"

        def execute(self, params: dict[str, Any], ctx: Any) -> Any:  # type: ignore[override]
            return params

    found = HandlerRegistry([Plain()]).get("plain")
    assert found is not None
    assert found.mode == "thread"


def test_names_are_unique() -> None:
    async def f(params: Any, ctx: Any) -> None: ...

    one, two = declared(f), declared(f)
    registry = HandlerRegistry([one, one])
    with pytest.raises(HandlerDefinitionError, match="two handlers"):
        registry.add(two)
    registry.add(two, replace=True)
    assert len(registry) == 1
    assert "x.y" in registry
    assert list(registry.names()) == ["x.y"]
    assert registry.get("nothing") is None


@pytest.mark.parametrize("item", [5, "name", Own, print, object()])
def test_what_is_no_handler(item: Any) -> None:
    with pytest.raises(HandlerDefinitionError, match="no handler"):
        HandlerRegistry([item])


# --- finding ------------------------------------------------------------------------------------
SOURCE = """
from helper_of_handlers import NUMBER
from runeskript.engine.handlers import handler

@handler("found.one")
async def one(params, ctx):
    return NUMBER

@handler("found.two")
def two(params, ctx): ...
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "helper_of_handlers.py").write_text("NUMBER = 5\n")
    (tmp_path / "mine.py").write_text(SOURCE)
    return tmp_path


def test_from_a_file(folder: Path) -> None:
    assert list(collect(folder / "mine.py").names()) == ["found.one", "found.two"]
    assert list(collect(str(folder / "mine.py")).names()) == ["found.one", "found.two"]
    assert load_handlers(folder / "mine.py") is load_handlers(folder / "mine.py")


def test_from_a_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    (folder / "by_name.py").write_text(SOURCE)
    assert list(collect("by_name").names()) == ["found.one", "found.two"]
    module = types.ModuleType("made")
    module.own = Own()  # type: ignore[attr-defined]
    assert list(collect([module, [folder / "mine.py"]]).names()) == [
        "own",
        "found.one",
        "found.two",
    ]


def test_from_a_registry() -> None:
    registry = HandlerRegistry([Own()])
    copy = collect(registry)
    assert list(copy.names()) == ["own"]
    assert copy.get("own") is not registry.get("own")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("raise ValueError('at import')", "ValueError: at import"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("x = (", "SyntaxError"),
        ("x = 1", "has no handlers"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "bad.py"
    file.write_text(text)
    with pytest.raises(HandlerDefinitionError, match=says):
        collect(file)


def test_what_is_not_there(tmp_path: Path) -> None:
    for source in (tmp_path / "none.py", "no_such_module_anywhere", 5):
        with pytest.raises(HandlerDefinitionError):
            collect(source)  # type: ignore[arg-type]


class Point:
    def __init__(self, name: str, found: Any) -> None:
        self.name = name
        self.value = f"{name}:x"
        self._found = found

    def load(self) -> Any:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


def test_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    async def f(params: Any, ctx: Any) -> None: ...

    mine, theirs = handler("a")(f), handler("a")(f)
    points = [
        Point("c", ImportError("gone")),
        Point("a", [theirs, handler("b")(f)]),
        Point("d", Own()),
    ]
    monkeypatch.setattr(loading, "entry_points", lambda group: points)
    registry = HandlerRegistry([mine])
    with pytest.warns(RuntimeWarning, match=r"c = c:x were left out: ImportError: gone"):
        discover(registry)
    assert list(registry.names()) == ["a", "b", "own"]
    found = registry.get("a")
    assert found is not None
    assert found.source is mine


# --- small things -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "ms"),
    [
        ("500ms", 500),
        ("30s", 30_000),
        ("1.5s", 1_500),
        ("5m", 300_000),
        ("2h", 7_200_000),
        ("7d", 604_800_000),
        (250, 250),
        (timedelta(seconds=2), 2_000),
        (" 1s ", 1_000),
    ],
)
def test_durations(given: Any, ms: int) -> None:
    assert milliseconds(given) == ms


@pytest.mark.parametrize("given", ["", "5", "5 s", "-1s", "1e3s", "36501d", -1, True, 1.5, None])
def test_no_durations(given: Any) -> None:
    with pytest.raises(ValueError, match="no duration"):
        milliseconds(given)


def test_failures_are_values_of_bounded_size() -> None:
    long = failure_of(ValueError("x" * 10_000))
    assert len(str(long["message"])) == 4_000
    odd = failure_of(ValueError("a\ud800b"))
    assert odd["message"] == "a?b"
    data = failure_of(StepError("a.b", "m", data={1, 2}))
    assert data["data"] is None
    assert "no value" in str(data["message"])
    assert failure_of(StepError("a", retryable=True))["retryable"] is True
    assert problems_of([("k", 1)]) == [ParamProblem("k", "1")]


def test_an_installed_package_with_handlers_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a real dist-info folder: the quick look at the path must not miss it."""
    info = tmp_path / "shouty-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[runeskript.handlers]\nshout = shouty_pkg:shout\n")
    (tmp_path / "shouty_pkg.py").write_text(
        "from runeskript import handler\n\n\n@handler('shout')\n"
        "async def shout(params: dict, ctx: object) -> str:\n    return 'HEY'\n"
    )
    assert list(loading.entry_points("runeskript.handlers")) == []
    monkeypatch.syspath_prepend(tmp_path)
    registry = HandlerRegistry()
    loading.discover(registry)
    assert "shout" in registry.names()
