"""The JSON Schema subset: its validators agree with a full implementation, and bad schemas are told."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.errors import BlueprintError, StepError
from runeskript.expr.schema import check_schema, compile_schema

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.sampled_from(["", "a", "ab", "äbc"])
)
values = st.recursive(
    scalars | st.sampled_from([0.5, 2.25]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
small = st.integers(0, 3)
PATTERNS = ["^a", "b$", "^[a-c]+$", "a|b", "^(ab?){1,2}$", "\\w", "^$", "[^a]"]


@st.composite
def schemas(draw: Any, depth: int = 2) -> Any:
    if draw(st.integers(0, 9)) == 0:
        return draw(st.booleans())
    out: dict[str, Any] = {}
    if draw(st.booleans()):
        out["type"] = draw(
            st.sampled_from(TYPES) | st.lists(st.sampled_from(TYPES), min_size=1, unique=True)
        )
    for key, strategy in (
        ("minLength", small), ("maxLength", small.map(lambda n: n + 2)), ("minItems", small),
        ("maxItems", small.map(lambda n: n + 2)), ("minimum", small),
        ("maximum", small.map(lambda n: n + 3)), ("exclusiveMinimum", small), ("exclusiveMaximum", small),
        ("minProperties", small), ("pattern", st.sampled_from(PATTERNS)),
        ("uniqueItems", st.booleans()), ("enum", st.lists(scalars, min_size=1, max_size=3)),
        ("const", scalars), ("required", st.lists(st.sampled_from("abc"), unique=True, max_size=2)),
    ):  # fmt: skip
        if draw(st.integers(0, 7)) == 0:
            out[key] = draw(strategy)
    if depth:
        inner = schemas(depth - 1)
        if draw(st.integers(0, 2)) == 0:
            out["properties"] = draw(st.dictionaries(st.sampled_from("abc"), inner, max_size=2))
            out["additionalProperties"] = draw(st.booleans() | inner)
        if draw(st.integers(0, 3)) == 0:
            out["items"] = draw(inner)
        for key in ("anyOf", "oneOf", "allOf"):
            if draw(st.integers(0, 5)) == 0:
                out[key] = draw(st.lists(inner, min_size=1, max_size=2))
        if draw(st.integers(0, 5)) == 0:
            out["$ref"] = "#/$defs/part"
    return out


@settings(max_examples=120, deadline=None)
@given(schemas(), schemas(0), st.lists(values, min_size=1, max_size=4))
def test_validators_agree_with_jsonschema(schema: Any, part: Any, samples: list[Any]) -> None:
    if type(schema) is dict:
        schema = {**schema, "$defs": {"part": part}}
    if check_schema(schema):
        assert any(word in str(check_schema(schema)) for word in ("greater than", "names nothing"))
        return
    validate = compile_schema(schema)
    reference = jsonschema.Draft202012Validator(schema)
    for value in samples:
        assert (not validate(value)) == reference.is_valid(value), (schema, value)


ORDER = {
    "type": "object",
    "required": ["user", "items"],
    "additionalProperties": False,
    "properties": {
        "user": {"type": "object", "properties": {"level": {"enum": ["VIP", "std"]}}},
        "items": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}},
        "note": {"type": ["string", "null"], "maxLength": 5},
        "due": {"type": "string", "format": "date-time"},
    },
    "$defs": {
        "item": {
            "type": "object",
            "required": ["sku"],
            "properties": {
                "sku": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
                "qty": {"type": "integer", "minimum": 1, "exclusiveMaximum": 100},
            },
        }
    },
}


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"user": {"level": "VIP"}, "items": [{"sku": "AB-1", "qty": 2}]}, []),
        ([], [("", "must be object, is list")]),
        ({"items": []}, [("", "`user` is missing"), ("/items", "must have at least 1 elements, has 0")]),
        ({"user": {"level": "x"}, "items": [{}]},
         [("/user/level", "must be one of 'VIP', 'std'"), ("/items/0", "`sku` is missing")]),
        ({"user": {}, "items": [{"sku": "AB-1", "qty": 0}, {"sku": "ab", "qty": 1.0}]},
         [("/items/0/qty", "must be at least 1, is 0"),
          ("/items/1/sku", "must match the pattern ^[A-Z]{2}-[0-9]+$"),
          ("/items/1/qty", "must be integer, is float")]),
        ({"user": {}, "items": [{"sku": "AB-1", "qty": 100}], "note": "too long", "usr": 1},
         [("/items/0/qty", "must be less than 100, is 100"),
          ("/note", "must have at most 5 characters, has 8"),
          ("", "unknown key `usr` (did you mean `user`?)")]),
        ({"user": {}, "items": [{"sku": "AB-1", "qty": True}], "due": "today"},
         [("/items/0/qty", "must be integer, is bool"), ("/due", "must be a date-time")]),
    ],
)  # fmt: skip
def test_findings_name_the_place(value: Any, problems: list[tuple[str, str]]) -> None:
    assert check_schema(ORDER) == []
    assert compile_schema(ORDER)(value) == problems


def test_pointers_are_escaped() -> None:
    schema = {"properties": {"a/b": {"properties": {"c~d": {"type": "null"}}}}}
    assert compile_schema(schema)({"a/b": {"c~d": 1}})[0][0] == "/a~1b/c~0d"


@pytest.mark.parametrize(
    ("schema", "finding"),
    [
        ([], ("", "a schema is an object, not list", None)),
        ("string", ("", "a schema is an object, not text", None)),
        ({"typ": "string"}, ("/typ", "unknown keyword `typ`", "did you mean `type`?")),
        ({"type": "text"}, ("/type", "unknown type `text`", "write `string`")),
        ({"type": "strin"}, ("/type", "unknown type `strin`", "did you mean `string`?")),
        ({"type": []}, ("/type", "`type` is a name or a list of at least one", None)),
        ({"type": 5}, ("/type", "the name of a type is text, not int", None)),
        ({"enum": []}, ("/enum", "`enum` is a list of at least one value", None)),
        ({"required": "a"}, ("/required", "`required` is a list of keys", None)),
        ({"required": ["a", "a"]}, ("/required", "`required` names a key twice", None)),
        ({"properties": []}, ("/properties", "an object of schemas is expected, not list", None)),
        ({"properties": {"a/b": 5}}, ("/properties/a~1b", "a schema is an object, not int", None)),
        ({"minLength": -1}, ("/minLength", "a whole number from 0 is expected", None)),
        ({"minLength": True}, ("/minLength", "a whole number from 0 is expected", None)),
        ({"minimum": "1"}, ("/minimum", "a number is expected", None)),
        ({"minimum": float("nan")}, ("/minimum", "a number is expected", None)),
        ({"minimum": 2, "maximum": 1}, ("/maximum", "`minimum` is greater than `maximum`", None)),
        ({"uniqueItems": 1}, ("/uniqueItems", "true or false is expected", None)),
        ({"anyOf": []}, ("/anyOf", "a list of at least one schema is expected", None)),
        ({"items": [1]}, ("/items", "a schema is an object, not list", None)),
        ({"format": "datetime"}, ("/format", "unknown format `datetime`", "did you mean `date-time`?")),
        ({"pattern": "(?=a)"},
         ("/pattern", "the pattern cannot be used: groups with `(?` other than `(?:` are not allowed",
          None)),
        ({"pattern": 5}, ("/pattern", "a pattern is text", None)),
        ({"$ref": "http://x"}, ("/$ref", "only references such as `#/$defs/name` are allowed", None)),
        ({"$ref": "#/$defs/x", "$defs": {"y": {}}}, ("/$ref", "`#/$defs/x` names nothing", None)),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}},
         ("/$defs/a", "`a` refers to itself; schemas cannot recurse", None)),
        ({"type": "integer", "default": "x"},
         ("/default", "the default is refused: must be integer, is text", None)),
        ({"properties": {"a": {"minimum": 2, "default": 1}}},
         ("/properties/a/default", "the default is refused: must be at least 2, is 1", None)),
        ({5: 1}, ("/5", "unknown keyword `5`", None)),
    ],
)  # fmt: skip
def test_schemas_that_are_not_sound(schema: Any, finding: Any) -> None:
    assert check_schema(schema) == [finding]
    if "default" not in str(schema):
        with pytest.raises(BlueprintError):
            compile_schema(schema)


def nested(levels: int, key: str = "items") -> Any:
    schema: Any = {}
    for _ in range(levels):
        schema = {key: schema} if key == "items" else {key: [schema]}
    return schema


def test_schemas_are_bounded() -> None:
    assert "nested deeper than 60" in check_schema(nested(5_000))[0][1]
    assert check_schema(nested(60)) == []
    doubling: Any = {"$defs": {"a0": {"type": "integer"}}}
    for i in range(40):
        doubling["$defs"][f"a{i + 1}"] = {"allOf": [{"$ref": f"#/$defs/a{i}"}] * 2}
    assert "more than 100000 parts" in check_schema(doubling)[0][1]
    ladder: Any = {"$defs": {"a0": nested(50, "allOf")}}
    for i in range(50):
        inner: Any = {"$ref": f"#/$defs/a{i}"}
        for _ in range(50):
            inner = {"allOf": [inner]}
        ladder["$defs"][f"a{i + 1}"] = inner
    assert check_schema(ladder)


def test_checking_a_value_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runeskript.expr.schema.WORK", 100_000)
    validate = compile_schema({"items": {"anyOf": [{"const": i} for i in range(2_000)]}})
    with pytest.raises(StepError) as caught:
        validate([1_999] * 100_000)
    assert caught.value.type == "limit.work"
    many = compile_schema({"items": {"type": "integer"}})(["x"] * 1_000)
    assert len(many) == 50


def test_integers_and_equality_are_the_languages() -> None:
    assert compile_schema({"type": "integer"})(1.0)
    assert not compile_schema({"type": "number"})(1)
    assert not compile_schema({"const": 1})(1.0)
    assert compile_schema({"const": 1})(True)
    assert compile_schema({"enum": [False]})(0)
    assert not compile_schema({"uniqueItems": True})([1, True])
    assert compile_schema({"uniqueItems": True})([{"a": 1, "b": 2}, {"b": 2, "a": 1}])


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", ["2024-05-01T12:00:00Z", "2024-05-01T12:00:00.5+02:00"],
         ["2024-05-01", "x", "2024-13-01T00:00:00Z", "2024-05-01T12:00:00"]),
        ("date", ["2024-02-29"], ["2023-02-29", "2024-2-9", ""]),
        ("time", ["12:30:00Z", "23:59:60.25+01:00"], ["24:00:00Z", "12:30"]),
        ("uri", ["https://a.b/c?d#e", "mailto:a@b"], ["a/b", "http://a b", "x", "", "http://ä"]),
        ("email", ["a@b.c", "a.b+c@host"], ["a", "@b", "a@", "a@b@c", "a b@c", "a@.b"]),
        ("uuid", ["123e4567-e89b-12d3-a456-426614174000"], ["123e4567", "g" * 36]),
    ],
)  # fmt: skip
def test_formats(name: str, good: list[str], bad: list[str]) -> None:
    validate = compile_schema({"format": name})
    assert [validate(text) for text in good] == [[]] * len(good)
    assert all(validate(text) for text in bad)
    assert not validate(5)
