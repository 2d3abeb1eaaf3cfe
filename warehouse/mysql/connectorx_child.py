"""ConnectorX in a process of its own: `python -m warehouse.mysql.connectorx_child`.

ConnectorX waits for MySQL without letting go of Python's lock, so that nothing else in its process
runs meanwhile: no Ctrl-C, no progress, no time limit. In a process of its own it can be waited for,
and ended. stdin: the request as JSON, for the URL holds the password. stdout: an Arrow IPC stream.
stderr: the text of the error, if there is one, and nothing else: what Rust writes there is dropped.
"""

import ctypes
import json
import os
import signal
import sys


def main() -> None:
    """Read one request, write one stream."""
    report = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    if sys.platform == "linux":  # a killed parent takes this process, and so its query, with it
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    sys.modules["numpy"] = None  # type: ignore[assignment]  # unused here, and slow to import
    import connectorx
    import pyarrow as pa

    request = json.load(sys.stdin)
    try:
        batches = connectorx.read_sql(
            request["url"],
            request["sql"],
            return_type="arrow_stream",
            protocol="binary",
            batch_size=request["batch_rows"],
            pre_execution_query=request["session"],
        )
        # Not sys.stdout.buffer: under PYTHONUNBUFFERED that is a raw file, which may write a part
        # only, when the parent stops this process in the middle; Arrow does not write the rest.
        with (
            open(1, "wb", closefd=False) as pipe,
            pa.ipc.new_stream(pipe, batches.schema) as stream,
        ):
            for batch in batches:
                stream.write_batch(batch)
                pipe.flush()
    except BrokenPipeError:
        sys.exit(1)
    except BaseException as error:
        # A panic in Rust is a BaseException of its own.
        report.write(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
