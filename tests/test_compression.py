"""Compressed frames: what is packed comes out again, and nothing else ever does."""

from __future__ import annotations

import socket
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pymysql import err

from warehouse.errors import WarehouseError
from warehouse.mysql import compression
from warehouse.mysql.compression import CompressedSocket
from warehouse.mysql.protocol import MalformedResult
from warehouse.mysql.url import parse_url

MB = 1 << 20
COMMAND = b"\x06\0\0\0\x03SELECT"
"""A packet with the number 0: it begins a command."""


def frame(plain: bytes, number: int, level: int | None = 6) -> bytes:
    """Return a frame; without a level its bytes are as they are."""
    packed = plain if level is None else zlib.compress(plain, level)
    size = 0 if level is None else len(plain)
    header = len(packed).to_bytes(3, "little") + bytes([number % 256])
    return header + size.to_bytes(3, "little") + packed


def frames(*plain: bytes, level: int | None = 6) -> bytes:
    """Return frames as the first ones that a server sends."""
    return b"".join(frame(one, number, level) for number, one in enumerate(plain, 1))


@contextmanager
def from_server(sent: bytes) -> Iterator[CompressedSocket]:
    """A connection on which a command was sent, and the server says this and hangs up."""
    ours, theirs = socket.socketpair()
    with theirs:
        client = CompressedSocket(ours)
        client.sendall(COMMAND)
        writer = threading.Thread(target=_say, args=[theirs, sent])
        writer.start()
        try:
            yield client
        finally:
            client.close()
            theirs.close()
            writer.join()


def _say(sock: socket.socket, sent: bytes) -> None:
    try:
        sock.sendall(sent)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        return  # nobody listens any more


def received(client: CompressedSocket, at_once: int = 1000) -> Iterator[bytes]:
    """Yield what comes, piece by piece."""
    buffer = bytearray(at_once)
    while count := client.recv_into(buffer):
        yield bytes(buffer[:count])


around = st.one_of(st.integers(1, 300), st.sampled_from([49, 50, 51, 1000, 16_384, 70_000]))
contents = st.one_of(
    around.flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    st.builds(lambda size, byte: bytes([byte]) * size, around, st.integers(0, 255)),
)
levels = st.sampled_from([None, 0, 1, 6, 9])


@given(
    sent=st.lists(st.tuples(contents, levels), max_size=8),
    at_once=st.sampled_from([1, 7, 50, 16_384]),
    piece=st.sampled_from([1, 2, 7, 50, 16_384, compression.PIECE_BYTES]),
)
@example(sent=[(b"x" * 100, 6)] * 300, at_once=7, piece=50)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_frames_of_any_size_and_kind(
    monkeypatch: pytest.MonkeyPatch,
    sent: list[tuple[bytes, int | None]],
    at_once: int,
    piece: int,
) -> None:
    monkeypatch.setattr(compression, "PIECE_BYTES", piece)
    wire = b"".join(frame(plain, number, level) for number, (plain, level) in enumerate(sent, 1))
    with from_server(wire) as client:
        assert b"".join(received(client, at_once)) == b"".join(plain for plain, _ in sent)


@pytest.mark.parametrize("size", [4, 49, 50, 51, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0x1000003, 40 * MB])
@pytest.mark.parametrize("pattern", ["zeros", "anything"])
def test_what_we_send_comes_out_again(size: int, pattern: str) -> None:
    noise = zlib.compress(str(list(range(60_000))).encode(), 9)  # it cannot be packed further
    body = bytes(size) if pattern == "zeros" else (noise * (size // len(noise) + 1))[:size]
    packets = b"\xff\xff\xff\0" + body[4:]
    ours, theirs = socket.socketpair()
    with theirs:
        client = CompressedSocket(ours)
        writer = threading.Thread(target=_send_all, args=[client, packets])
        writer.start()
        with CompressedSocket(theirs) as server:
            assert b"".join(received(server, MB)) == packets
        writer.join()


def _send_all(client: CompressedSocket, packets: bytes) -> None:
    client.sendall(packets)
    client.close()


def test_the_numbers_go_on_in_a_command_and_begin_anew_with_the_next() -> None:
    with from_server(frame(b"one", 1, None) + frame(b"two", 1, None)) as client:
        buffer = bytearray(10)
        assert client.recv_into(buffer) == 3
        client.sendall(b"\x01\0\0\1x")
        assert client.number == 3
        client.sendall(COMMAND)
        assert client.number == 1
        assert client.recv_into(buffer) == 3
        assert buffer.startswith(b"two")


GOOD = [b"a row of letters " * 9, bytes(range(256)) * 3, b"short", b"z" * 5000]


def test_a_connection_cut_at_any_byte() -> None:
    whole = b"".join(GOOD)
    sent = frames(*GOOD)
    for cut in range(len(sent)):
        with from_server(sent[:cut]) as client:
            came = b"".join(received(client))
        assert whole.startswith(came) and len(came) < len(whole)


def test_any_byte_may_be_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "PIECE_BYTES", 100)
    whole = b"".join(GOOD)
    sent = frames(*GOOD)
    for place in range(len(sent)):
        for bit in (0, 3, 7):
            changed = bytearray(sent)
            changed[place] ^= 1 << bit
            with from_server(bytes(changed)) as client:
                try:
                    came = b"".join(received(client))
                except err.MySQLError as error:
                    assert isinstance(error, MalformedResult) or error.args[0] == 2013
                else:
                    # Cut short, which the reader sees; or a bit that nobody looks at.
                    assert len(came) < len(whole) or came == whole


SUM_WRONG = bytearray(frames(b"x" * 100))
SUM_WRONG[-1] ^= 1


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (frame(b"x" * 100, 2), "has the number 2, not 1"),
        (frame(b"", 1, None), "is empty"),
        (frame(b"abcd", 1, None)[:4] + b"\x09\0\0abcd", "cannot be unpacked"),
        (bytes(SUM_WRONG), "cannot be unpacked"),
        (frames(b"x" * 100)[:4] + b"\x63\0\0" + zlib.compress(b"x" * 100), "longer than it says"),
        (frames(b"x" * 100)[:4] + b"\x65\0\0" + zlib.compress(b"x" * 100), "shorter than it says"),
        (b"\x10\0\0\x01\x64\0\0" + zlib.compress(b"x" * 100) + b"more", "longer than it says"),
    ],
)
def test_what_is_no_frame(sent: bytes, text: str) -> None:
    with from_server(sent) as client, pytest.raises(MalformedResult, match=text):
        list(received(client))


def test_a_server_that_shuts_down_says_so_with_the_number_0() -> None:
    with from_server(frame(b"bye", 0, None)) as client, pytest.raises(err.OperationalError) as lost:
        list(received(client))
    assert lost.value.args[0] == 2013


def test_no_server_fills_the_memory() -> None:
    """The largest frame, unpacking to 16 GB whatever it says, takes no more than a piece."""
    bomb = zlib.compress(bytes(256 * MB))
    lie = len(bomb).to_bytes(3, "little") + b"\x01\xff\xff\xff" + bomb
    true = zlib.compress(bytes(0xFFFFFF))
    honest = len(true).to_bytes(3, "little") + b"\x01\xff\xff\xff" + true
    for sent, right in ((lie, False), (honest, True)):
        with from_server(sent) as client:
            buffer = bytearray(1000)
            tracemalloc.start()
            try:
                came = 0
                while count := client.recv_into(buffer):
                    came += count
            except MalformedResult:
                assert not right
            else:
                assert right and came == 0xFFFFFF
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak < 8 * compression.PIECE_BYTES


def test_select_does_not_see_what_was_unpacked() -> None:
    with from_server(frames(b"x" * 100)) as client:
        assert client.recv_into(bytearray(1)) == 1
        assert client.pending() >= 99


@pytest.mark.parametrize("value", ["true", "zlib", "fast", "True"])
def test_the_url_turns_it_on(value: str) -> None:
    assert parse_url(f"mysql://u:p@h/shop?compress={value}&ssl_mode=required").compressed


def test_it_is_off_unless_the_url_says_so() -> None:
    assert not parse_url("mysql://u:p@h/shop").compressed
    assert not parse_url("mysql://u:p@h/shop?compress=false").compressed


@pytest.mark.parametrize("value", ["zstd", "9", "yes"])
def test_another_value_is_refused_in_a_sentence(value: str) -> None:
    with pytest.raises(WarehouseError, match="unknown compress; known are true, zlib, fast, false"):
        parse_url(f"mysql://u:p@h/shop?compress={value}")
