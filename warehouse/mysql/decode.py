"""Rows of MySQL's binary protocol become Arrow arrays, a column of a whole block at a time.

A row is a byte, a bitmap of its NULLs, and its values one behind the other: where a value begins
depends on those before it. So the columns are decoded from the first to the last, and the places
where the next one begins are carried along, for all rows at once.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.mysql.protocol import Block, MalformedResult

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_BITMAP_OFFSET = 2
"""The first bits of the bitmap of a row mean nothing."""
_FOLLOWS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""How many bytes of a length follow such a first byte; a smaller one is the length itself."""
_LARGEST = (1 << 62) - 1


@dataclass(frozen=True)
class Decoded:
    """The values of a column.

    Attributes:
        array: The values.
        invalid: Which of them have no counterpart and became NULL; None for none of them.
    """

    array: pa.Array
    invalid: Mask | None = None


class Rows:
    """The rows of a block, and how far each of them is decoded."""

    def __init__(self, block: Block, columns: int) -> None:
        """Begin in front of the first column.

        Raises:
            MalformedResult: a row does not begin as rows do.
        """
        self.data = block.data
        self.bytes = np.frombuffer(block.data, np.uint8)
        self.count = len(block.starts)
        self._starts = block.starts
        self._ends = block.ends
        self.at: Integers = block.starts + 1 + (columns + 7 + _BITMAP_OFFSET) // 8
        if self.bytes[block.starts].any() or (self.at > block.ends).any():
            raise MalformedResult("A packet among the rows is no row.")

    def nulls(self, column: int) -> Mask:
        """Return which rows have NULL in a column."""
        byte, bit = divmod(column + _BITMAP_OFFSET, 8)
        return (self.bytes[self._starts + 1 + byte] >> bit & 1).astype(np.bool_)

    def take(self, at: Integers, dtype: str) -> npt.NDArray[np.generic]:
        """Return the little-endian numbers that begin at these places."""
        kind = np.dtype(dtype)
        numbers = np.ndarray(len(self.data) - kind.itemsize + 1, kind, self.data, strides=(1,))
        taken: npt.NDArray[np.generic] = numbers[np.minimum(at, len(numbers) - 1)]
        return taken

    def advance(self, to: Integers) -> None:
        """Go on behind a value.

        Raises:
            MalformedResult: it ends behind its row.
        """
        if (to > self._ends).any():
            raise MalformedResult("A value is longer than its row.")
        self.at = to

    def finish(self) -> None:
        """See that the rows end where their last values do.

        Raises:
            MalformedResult: they do not.
        """
        if (self.at != self._ends).any():
            raise MalformedResult("A row is longer than its values.")

    def strings(self, nulls: Mask) -> tuple[Integers, Integers]:
        """Go behind values that tell their length. Returns where each begins and ends."""
        first = np.where(nulls, 0, self.bytes[self.at])
        lengths = first.astype(np.int64)
        begins = self.at + ~nulls
        if first.max(initial=0) > 0xFA:
            for mark, width in _FOLLOWS.items():
                (found,) = np.nonzero(first == mark)
                wide = self.take(begins[found], "<i8").astype(np.int64)
                lengths[found] = wide & min((1 << 8 * width) - 1, _LARGEST)
                begins[found] += width
            if (first == 0xFB).any() or (first == 0xFF).any():
                raise MalformedResult("A length is none.")
        ends = begins + lengths
        self.advance(ends)
        return begins, ends


Decoder = Callable[[Rows, Mask], Decoded]
"""Reads a column of all rows, of which some are NULL and have no bytes."""


def decode(block: Block, decoders: Sequence[Decoder]) -> list[Decoded]:
    """Decode a block of rows, column by column.

    Raises:
        MalformedResult: the bytes are no such rows.
    """
    rows = Rows(block, len(decoders))
    columns = [decoder(rows, rows.nulls(number)) for number, decoder in enumerate(decoders)]
    rows.finish()
    return columns


def number(dtype: str) -> Decoder:
    """Return the decoder of numbers of a fixed width."""
    width = np.dtype(dtype).itemsize

    def decoder(rows: Rows, nulls: Mask) -> Decoded:
        values = rows.take(rows.at, dtype)
        rows.advance(rows.at + np.where(nulls, 0, width))
        return Decoded(to_array(values, nulls))

    return decoder


def bits(rows: Rows, nulls: Mask) -> Decoded:
    """Decode bits, which come as the bytes of a number, the highest first."""
    begins, ends = rows.strings(nulls)
    values = np.zeros(rows.count, np.uint64)
    for place in range(int((ends - begins).max(initial=0))):
        inside = begins + place < ends
        byte = rows.bytes[np.where(inside, begins + place, 0)].astype(np.uint64)
        values = np.where(inside, values << np.uint64(8) | byte, values)
    return Decoded(to_array(values, nulls))


def binary(rows: Rows, nulls: Mask) -> Decoded:
    """Decode bytes."""
    return Decoded(_binary(rows, nulls))


def text(rows: Rows, nulls: Mask) -> Decoded:
    """Decode text. What is not UTF-8 becomes NULL."""
    array = _binary(rows, nulls)
    try:
        return Decoded(pc.cast(array, pa.string()))
    except pa.ArrowInvalid:
        invalid = np.array([not _is_utf8(value) for value in array.to_pylist()])
        valid = pc.if_else(_mask(invalid), _NULL, array)
        return Decoded(pc.cast(valid, pa.string()), invalid)


def floats(rows: Rows, nulls: Mask) -> Decoded:
    """Decode lists of 4-byte numbers."""
    array = _binary(rows, nulls)
    _, offsets, data = array.buffers()
    starts = pa.Array.from_buffers(pa.int32(), len(array) + 1, [None, offsets], offset=array.offset)
    values = pa.Array.from_buffers(pa.float32(), (data.size if data else 0) // 4, [None, data])
    lists = pa.ListArray.from_arrays(
        pc.cast(pc.divide(starts, 4), pa.int32()), values, mask=array.is_null()
    )
    return Decoded(lists)


def to_array(values: npt.NDArray[np.generic], nulls: Mask) -> pa.Array:
    """Return values as an Arrow array, of their buffers: `pa.array` would import pandas first."""
    return pa.Array.from_buffers(
        pa.from_numpy_dtype(values.dtype),
        len(values),
        [_bits_of(~nulls) if nulls.any() else None, pa.py_buffer(np.ascontiguousarray(values))],
    )


_NULL = pa.nulls(1, pa.binary())[0]
"""Not by `pa.scalar`: it imports pandas, too."""


def _mask(values: Mask) -> pa.Array:
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits_of(values)])


def _bits_of(values: Mask) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))


def _binary(rows: Rows, nulls: Mask) -> pa.Array:
    begins, ends = rows.strings(nulls)
    data = pa.py_buffer(rows.data)
    if rows.count == 1:  # may be as large as values are: not copied
        length = int(ends[0] - begins[0])
        offsets = pa.py_buffer(np.array([0, length], np.int32))
        value = data.slice(int(begins[0]), length)
        array = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, value])
    else:
        # Values and the gaps between them are one array; Arrow copies each second element.
        places = np.empty(2 * rows.count + 1, np.int32)
        places[0:-1:2] = begins
        places[1::2] = ends
        places[-1] = ends[-1]
        whole = pa.Array.from_buffers(
            pa.binary(), 2 * rows.count, [None, pa.py_buffer(places), data]
        )
        values = np.arange(0, 2 * rows.count, 2, dtype=np.int32)
        array = whole.take(to_array(values, np.zeros(rows.count, np.bool_)))
    if nulls.any():
        array = pc.if_else(_mask(nulls), _NULL, array)
    return array


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True
