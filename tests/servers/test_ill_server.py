"""A server that is ill, or none at all: an error for people, soon, that steers no terminal."""

from __future__ import annotations

import socket
import time
import unicodedata
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.ill_server import (
    FRAME_HEADER,
    HOST,
    Serve,
    error,
    frame,
    greeting,
    in_frames,
    ok,
    packet,
    receive,
    recording,
    serving,
    talking,
)
from tests.servers.loading import orders
from warehouse.errors import WarehouseError
from warehouse.mysql import driver, session, watch
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.url import Server, parse_url
from warehouse.sample.server import serve as serve_sample

PASSWORD = "sücret🎁"
SECONDS = 15
"""Within which everything must have ended; the limits themselves are set to a second here."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 1)
    monkeypatch.setattr(watch, "ASK_SECONDS", 1)
    monkeypatch.setattr(driver, "ANSWER_BYTES", 1_000_000)


def load(port: int, password: str = PASSWORD, compressed: bool = False) -> int:
    """Load a few rows, and return how many came."""
    server = Server(HOST, port, "shop", "sample", password, compressed=compressed)
    extraction = open_extraction(server, orders("id <= 3"))
    return sum(batch.num_rows for batch in extraction.batches())


def check_text(text: str) -> None:
    """See that a text is for people: short, without the password, and nothing a terminal obeys."""
    assert len(text) < 3_000
    assert PASSWORD not in text
    odd = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n"}
    assert not odd, repr(text)
    assert "MySQL at sample@127.0.0.1" in text
    assert len(text.splitlines()) >= 3, "what happened, what is safe, what to do"


def failure(serve: Serve, compressed: bool = False) -> str:
    began = time.monotonic()
    with serving(serve) as port, pytest.raises(WarehouseError) as caught:
        load(port, compressed=compressed)
    assert time.monotonic() - began < SECONDS
    check_text(str(caught.value))
    return str(caught.value)


def dripping(client: socket.socket, _: int) -> None:
    """Send a greeting of 786 kB, a byte at a time, each in time."""
    client.sendall(b"\x00\x00\x0c\0")
    while True:
        client.sendall(b"\x0a")
        time.sleep(0.05)


def flooding(client: socket.socket, _: int) -> None:
    """Send a greeting in packets without end."""
    number = 0
    while True:
        client.sendall(packet(b"\x0a" * 0xFFFFFF, number))
        number += 1


def switching(client: socket.socket, _: int) -> None:
    """Ask for another plugin, and another one, for ever."""
    client.sendall(greeting())
    number = 2
    receive(client)
    while True:
        client.sendall(packet(b"\xfemysql_native_password\0saltsaltsaltsaltsalt\0", number))
        receive(client)
        number += 2


def logged_in(answer: bytes | Callable[[socket.socket], None]) -> Serve:
    """Return a server that lets us in, takes each SET, and says this to the first question."""

    def serve(client: socket.socket, _: int) -> None:
        client.sendall(greeting())
        receive(client)
        client.sendall(ok(2))
        while b"SET" in receive(client)[:9].upper():
            client.sendall(ok(1))
        if isinstance(answer, bytes):
            client.sendall(answer)
            receive(client)
        else:
            answer(client)

    return serve


def endless(client: socket.socket, *, pause: float) -> None:
    """Send columns without end."""
    client.sendall(packet(b"\xfd\xff\xff\xff", 1))
    number = 2
    while True:
        client.sendall(packet(COLUMN_A, number))
        number += 1
        time.sleep(pause)


COLUMN_A = b"\x03def\0\0\0\x01a\x01a\x0c\x21\0\x04\0\0\0\x03\0\0\0\0\0"
COLUMN = packet(COLUMN_A, 2)
EOF = packet(b"\xfe\0\0\x02\0", 3)
ILL: dict[str, Serve] = {
    "nothing": talking((b"",)),
    "a web server": talking((b"HTTP/1.1 400 Bad Request\r\n\r\n",)),
    "an empty greeting": talking((packet(b"", 0),)),
    "a greeting cut short": talking((packet(b"\x0a8.0", 0),)),
    "a version of letters": talking((greeting(version=b"eight"),)),
    "a greeting of zeros": talking((packet(bytes(80), 0),)),
    "a huge length": talking((b"\xff\xff\xff\0\x0a",)),
    "a byte at a time": dripping,
    "a greeting without end": flooding,
    "an unknown plugin": talking((greeting(), packet(b"\xfenew\x1b[2Jplugin\0salt\0", 2))),
    "a plugin without a name": talking((greeting(), packet(b"\xfe", 2))),
    "a plugin not in UTF-8": talking((greeting(), packet(b"\xfe\xff\xc0\0salt", 2))),
    "a plugin not in ASCII": talking((greeting(plugin="plügin".encode()), ok(2))),
    "more of a plugin": talking((greeting(), packet(b"\x01\x04", 2))),
    "dialog": talking((greeting(), packet(b"\xfedialog\0", 2))),
    "switch after switch": switching,
    "garbage for a login": talking((greeting(), packet(b"\x55\x66\x77", 2))),
    "out of order": talking((greeting(), ok(9))),
    "no columns": logged_in(packet(b"\x05", 1)),
    "columns without end": logged_in(partial(endless, pause=0)),
    "columns one at a time": logged_in(partial(endless, pause=0.2)),
    "a column cut short": logged_in(packet(b"\x01", 1) + packet(b"\x03def\xfc", 2) + EOF),
    "a column of no charset": logged_in(
        packet(b"\x01", 1)
        + packet(b"\x03def\0\0\0\x01a\x01a\x0c\xee\xee\x04\0\0\0\x03\0\0\0\0\0", 2)
        + EOF
    ),
    "a row cut short": logged_in(packet(b"\x01", 1) + COLUMN + EOF + packet(b"\xfc\xff\xff1", 4)),
    "rows that are no text": logged_in(
        packet(b"\x01", 1) + COLUMN + EOF + packet(b"\x02\xff\xfe", 4) + EOF
    ),
    "a number that is none": logged_in(
        packet(b"\x01", 1) + COLUMN + EOF + packet(b"\x021x", 4) + packet(b"\xfe\0\0\x02\0", 5)
    ),
    "an end cut short": logged_in(packet(b"\x01", 1) + COLUMN + packet(b"\xfe", 3)),
    "a file asked for": logged_in(packet(b"\xfb/etc/passwd", 1)),
    "an error cut short": logged_in(packet(b"\xff", 1)),
    "an empty answer": logged_in(packet(b"", 1)),
}


@pytest.mark.parametrize("ill", ILL)
def test_garbage_at_each_stage(ill: str) -> None:
    failure(ILL[ill])


def compressed_to(answer: Callable[[socket.socket], None]) -> Serve:
    """Return a server that lets us in, and then says this to the first frame."""

    def serve(client: socket.socket, _: int) -> None:
        client.sendall(greeting())
        receive(client)
        client.sendall(ok(2))
        receive(client, FRAME_HEADER)
        answer(client)
        receive(client, FRAME_HEADER)

    return serve


def frames_without_end(client: socket.socket) -> None:
    """Send a packet in frames without end, each of which unpacks to a thousand times its size."""
    number = 1
    while True:
        content = b"\xff\xff\xff" + bytes([number % 256]) + bytes(0xFFFFFF - 4)
        client.sendall(frame(content, number))
        number += 1


ILL_FRAMES: dict[str, Callable[[socket.socket], None]] = {
    "no frames": lambda client: client.sendall(ok(1)),
    "a frame of garbage": lambda client: client.sendall(b"\x08\0\0\x01\x20\0\0garbage!"),
    "a frame out of order": lambda client: client.sendall(frame(ok(1), 7)),
    "a frame cut short": lambda client: client.sendall(frame(ok(1))[:-1]),
    "an empty frame": lambda client: client.sendall(b"\0\0\0\x01\0\0\0"),
    "a packet out of order": lambda client: client.sendall(frame(ok(5))),
    "half a packet": lambda client: client.sendall(frame(ok(1)[:5])),
    "frames without end": frames_without_end,
}


@pytest.mark.parametrize("ill", ILL_FRAMES)
def test_garbage_in_frames(ill: str) -> None:
    failure(compressed_to(ILL_FRAMES[ill]), compressed=True)


ESCAPES = "\x1b[2J\x1b]0;title\x07\r\x08all is well\u202eneht\u2066 \x9b31m\u2028\x7f\n\ttail"


@pytest.mark.parametrize(
    "serve",
    [
        talking((error(0, ESCAPES),)),
        talking((greeting(), error(2, ESCAPES, 1045, b"28000"))),
        logged_in(error(1, ESCAPES)),
        logged_in(error(1, ESCAPES * 10_000)),
        talking((packet(b"\xff\x15\x04" + b"\x1b[31m\xff\xfe", 0),)),
    ],
    ids=["greeting", "login", "query", "long", "no UTF-8"],
)
def test_an_error_text_steers_no_terminal(serve: Serve) -> None:
    failure(serve)


def test_the_password_is_not_sent_in_the_clear() -> None:
    sent: list[bytes] = []

    def serve(client: socket.socket, _: int) -> None:
        client.sendall(greeting())
        receive(client)
        client.sendall(packet(b"\xfemysql_clear_password\0", 2))
        sent.append(receive(client))

    assert "ssl_mode=required" in failure(serve)
    assert not any(PASSWORD.encode() in data for data in sent)


@pytest.fixture(scope="module")
def good_talk() -> list[list[bytes]]:
    """What the sample server says to a load of three rows."""
    with serve_sample() as sample, recording(parse_url(sample.url).port) as (port, talks):
        assert load(port, "") == 4
    return talks


def test_the_recorded_talk_loads(good_talk: list[list[bytes]]) -> None:
    with serving(talking(*good_talk)) as port:
        assert load(port, "") == 4


@pytest.mark.parametrize("size", [1, 5, 16_384])
def test_the_recorded_talk_loads_in_frames(good_talk: list[list[bytes]], size: int) -> None:
    talks = [in_frames(talk, size) for talk in good_talk]
    with serving(talking(*talks, compressed=True)) as port:
        assert load(port, "", compressed=True) == 4


def test_cut_at_any_byte(good_talk: list[list[bytes]]) -> None:
    """Each byte of the frames that hold the rows."""
    talks = [in_frames(talk, 100) for talk in good_talk]
    connection, answer = max(
        ((c, a) for c, talk in enumerate(talks) for a in range(2, len(talk))),
        key=lambda place: len(talks[place[0]][place[1]]),
    )
    for cut in range(len(talks[connection][answer])):
        torn = [*talks[connection][:answer], talks[connection][answer][:cut]]
        serve = talking(*talks[:connection], torn, compressed=True, hangs_up=True)
        with serving(serve) as port, pytest.raises(WarehouseError):
            load(port, "", compressed=True)


def places(talks: list[list[bytes]]) -> list[tuple[int, int, int]]:
    """Return each byte of what is said: connection, answer, offset."""
    return [
        (connection, answer, offset)
        for connection, talk in enumerate(talks)
        for answer, data in enumerate(talk)
        for offset in range(len(data))
    ]


@given(data=st.data(), packed=st.sampled_from(["", "before", "after"]))
@settings(
    max_examples=90, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_byte_of_a_good_talk_may_be_another(
    good_talk: list[list[bytes]], data: st.DataObject, packed: str
) -> None:
    """In packets, in packets that are then packed into right frames, or in frames."""
    good = [in_frames(talk, 50) for talk in good_talk] if packed == "after" else good_talk
    talks = [[bytearray(answer) for answer in talk] for talk in good]
    where = places(good)
    changes = st.lists(st.tuples(st.sampled_from(where), st.integers(0, 255)), max_size=3)
    for (connection, answer, offset), value in data.draw(changes):
        talks[connection][answer][offset] = value
    if data.draw(st.booleans()):
        connection, answer, offset = data.draw(st.sampled_from(where))
        del talks[connection][answer][offset:]
    said = [[bytes(answer) for answer in talk] for talk in talks]
    if packed == "before":
        said = [in_frames(talk, 50) if len(talk[0]) > 40 else talk for talk in said]
    began = time.monotonic()
    with serving(talking(*said, compressed=bool(packed))) as port:
        try:
            load(port, "", bool(packed))
        except WarehouseError as error_:
            text = str(error_)
            assert not {c for c in text if unicodedata.category(c) in ("Cc", "Cf")} - {"\n"}
    assert time.monotonic() - began < SECONDS
