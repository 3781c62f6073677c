"""JSON text: what is read, and the one form that is written."""

from __future__ import annotations

import json
import random
import re
import shutil
import struct
import subprocess

import pytest

from stepmill import Document, Reject
from stepmill.jsontext import NotJson, number, read, write

# From the tables of ECMA-262 and RFC 8785, appendix B.
NUMBERS = {
    -0.0: "0",
    5e-324: "5e-324",
    -5e-324: "-5e-324",
    1.7976931348623157e308: "1.7976931348623157e+308",
    9007199254740992.0: "9007199254740992",
    295147905179352830000.0: "295147905179352830000",
    9.999999999999997e22: "9.999999999999997e+22",
    1e23: "1e+23",
    1e21: "1e+21",
    999999999999999900000.0: "999999999999999900000",
    333333333.3333332: "333333333.3333332",
    0.000001: "0.000001",
    0.00001234: "0.00001234",
    1e-7: "1e-7",
    -1.5e-7: "-1.5e-7",
    1424953923781206.2: "1424953923781206.2",
    19.0: "19",
    0.1: "0.1",
}


@pytest.mark.parametrize(("value", "text"), NUMBERS.items())
def test_floats_are_written_as_ecmascript_does(value: float, text: str) -> None:
    assert number(value) == text


def test_any_float_reads_back_as_itself() -> None:
    dice = random.Random(1)
    for _ in range(20_000):
        [value] = struct.unpack("d", dice.randbytes(8))
        if value == value and abs(value) != float("inf"):
            assert float(number(value)) == value


@pytest.mark.skipif(shutil.which("node") is None, reason="compares with JavaScript itself")
def test_floats_are_written_as_javascript_itself_does() -> None:
    dice = random.Random(2)
    values = [struct.unpack("d", dice.randbytes(8))[0] for _ in range(5000)]
    values += [dice.uniform(-1, 1) * 10.0 ** dice.randint(-12, 25) for _ in range(5000)]
    values = [value for value in values if value == value and abs(value) != float("inf")]
    script = "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0,'utf8'))))"
    node = subprocess.run(["node", "-e", script], input=json.dumps(values), capture_output=True, text=True, check=True)
    assert write(values) == node.stdout


def test_the_form_is_compact_and_keeps_the_order_of_keys() -> None:
    text = write({"b": [1, None, True], "a": {'ä\u2028"\\\n\x01/': ""}, "empty": [{}, []], "big": 2**70})
    assert (
        text == '{"b":[1,null,true],"a":{"ä\u2028\\"\\\\\\n\\u0001/":""},"empty":[{},[]],"big":1180591620717411303424}'
    )


@pytest.mark.parametrize(
    ("value", "pointer", "problem"),
    [
        ({"a": [1, float("nan")]}, "/a/1", "nan is no JSON number"),
        ({"a/b": {1, 2}}, "/a~1b", "a value of type set is not JSON"),
        ([{1: 2}], "/0", "the key 1 is no string"),
        (["\ud800"], "/0", "the text has half of a surrogate pair, which is no character"),
        (b"x", "", "a value of type bytes is not JSON"),
    ],
)
def test_what_is_not_json_is_named_with_its_place(value: object, pointer: str, problem: str) -> None:
    with pytest.raises(NotJson) as error:
        write(value)
    assert (error.value.pointer, error.value.problem) == (pointer, problem)


def test_what_contains_itself_is_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(NotJson, match="nested too deeply"):
        write(endless)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "expecting property name enclosed in double quotes at line 1 column 2"),
        ('{"a":\n x}', "expecting value at line 2 column 2"),
        ("[NaN]", "NaN is no JSON value"),
        ("1e999", "the number 1e999 is out of range"),
        (b'"\xff"', "byte 1 is not UTF-8"),
        ("[" * 100_000, "it is nested too deeply"),
        ("", "expecting value at line 1 column 1"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str | bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        read(text)


def test_a_document_that_cannot_be_written_is_rejected() -> None:
    with pytest.raises(Reject) as failure:
        Document.json({"total": float("inf")})
    assert str(failure.value) == "output: the output at `/total`: inf is no JSON number"
