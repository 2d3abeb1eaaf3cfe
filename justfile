# Each recipe sets up what it needs on first use: a virtual environment in .venv, from requirements.lock.

set positional-arguments := true

bin := justfile_directory() / ".venv/bin"

# List the recipes.
default:
    @just --list --unsorted

# Make FOLDER a project folder of your own. It counts from where you are.
[no-cd, no-exit-message]
init *ARGS: _setup
    @"{{ bin }}/warehouse" init "$@"

# Build everything, or only SELECTION: an asset's name or a Dagster selection expression.
[no-exit-message]
materialize *SELECTION: _setup
    @"{{ bin }}/warehouse" materialize "$@"

# Load again only those days of mysql_orders_daily that differ from MySQL.
[no-exit-message]
refresh *ARGS: _setup
    @"{{ bin }}/warehouse" refresh "$@"

# Run Dagster's UI: the asset graph, the runs, their logs.
[no-exit-message]
dev *ARGS: _setup
    @"{{ bin }}/warehouse" dev "$@"

# Run a query on the newest snapshot; without one, open the shell.
[no-exit-message]
sql *ARGS: _setup
    @"{{ bin }}/warehouse" sql "$@"

# Write the tables and views to a folder as Parquet files.
[no-exit-message]
export *ARGS: _setup
    @"{{ bin }}/warehouse" export "$@"

# Send the tables that changed to the lake, as Parquet for Apache Spark.
[no-exit-message]
publish *TABLES: _setup
    @"{{ bin }}/warehouse" publish "$@"

# Run an Apache Spark cluster on this machine, until Ctrl-C. It needs Java 17 or newer.
[no-exit-message]
spark *ARGS: _setup _setup-spark
    @"{{ bin }}/warehouse" spark "$@"

# Show what the warehouse holds and how old it is.
[no-exit-message]
status *ARGS: _setup
    @"{{ bin }}/warehouse" status "$@"

# List the tables in MySQL, or those that match PATTERN.
[no-exit-message]
tables *PATTERN: _setup
    @"{{ bin }}/warehouse" tables "$@"

# Write a source file for each TABLE in MySQL: a name, or a pattern in quotes.
[no-exit-message]
add +TABLE: _setup
    @"{{ bin }}/warehouse" add "$@"

# Check everything that a load needs, and say how to mend what is wrong.
[no-exit-message]
doctor *ARGS: _setup
    @"{{ bin }}/warehouse" doctor "$@"

# Say which views and checks would run on Spark with equal answers.
[no-exit-message]
check-engine *ARGS: _setup
    @"{{ bin }}/warehouse" check-engine "$@"

# List the snapshots, and which of them are kept.
[no-exit-message]
history *ARGS: _setup
    @"{{ bin }}/warehouse" history "$@"

# Show what changed in TABLE since the snapshot in which it was last different.
[no-exit-message]
diff TABLE *ARGS: _setup
    @"{{ bin }}/warehouse" diff "$@"

# Make the kept snapshot NUMBER the newest one again.
[no-exit-message]
rollback NUMBER: _setup
    @"{{ bin }}/warehouse" rollback "$1"

# Open JupyterLab on the tour, notebooks/orders.ipynb. It asks nobody for news or updates.
[no-exit-message]
notebook *ARGS: _setup-all
    @JUPYTER_CONFIG_PATH="{{ justfile_directory() }}/notebooks/.jupyter" "{{ bin }}/jupyter-lab" \
        --KernelManager.transport_encryption=auto notebooks/orders.ipynb "$@"

# Write a page to look at from a notebook or Markdown with queries: one HTML file, plots included.
[no-exit-message]
report *ARGS: _setup-all
    @"{{ bin }}/warehouse" report "$@"

# Write the notebooks' outputs again, from the sample data.
[no-exit-message]
notebook-run *NAMES: _setup-all
    @"{{ bin }}/python" -m notebooks.execute "$@"

# Run the sample source alone and print each query that it is asked.
[no-exit-message]
sample-mysql *ARGS: _setup
    @"{{ bin }}/warehouse" sample-mysql "$@"

# Run the tests: all, or what ARGS say to pytest.
[no-exit-message]
test *ARGS: _setup-all
    @"{{ bin }}/pytest" "$@"

# Measure on a private MariaDB: a load, or one of the programs in `bench/`; each has its --help.
[no-exit-message]
bench *ARGS: _setup-all
    @"{{ bin }}/python" -m bench "$@"

# Take the docs' pictures of Dagster's UI again; needs Chromium.
[no-exit-message]
screenshots: _setup-all
    @"{{ bin }}/python" docs/screenshots.py
    @"{{ bin }}/python" -m docs.recording

# Check format, lint, types, layering, spelling, style, the shipped SQL on Spark, the definitions.
[no-exit-message]
check: _setup-all
    @"{{ bin }}/ruff" format --check .
    @"{{ bin }}/ruff" check .
    @"{{ bin }}/mypy"
    @"{{ bin }}/lint-imports"
    @"{{ bin }}/codespell"
    @"{{ bin }}/python" -m tests.prose
    @"{{ bin }}/python" -m tests.engines.shipped
    @"{{ bin }}/python" -W 'ignore:Function `definitions_validate_command`' -m dagster definitions validate

# Run Dagster's `dg`: check defs, list defs, scaffold defs, dev.
[no-exit-message]
dg *ARGS: _setup-all
    @"{{ bin }}/dg" "$@"

# Write the locks again from pyproject.toml: hashes, no addresses.
lock: _setup-all
    @{{ compile }} --extra build --output-file requirements.lock
    @{{ compile }} --constraint requirements.lock --all-extras --output-file requirements-all.lock
    @{{ compile }} --constraint requirements-all.lock --extra build --extra spark --output-file requirements-spark.lock
    @printf 'pyspark>=4.3,<4.4\n' | {{ replace(compile, "pyproject.toml", "-") }} --output-file requirements-spark-server.lock

compile := bin / "uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-strip-extras --no-emit-index-url --no-emit-find-links --no-header pyproject.toml"

_setup: (_install "requirements.lock") _client

# Spark's client, only where the environment or .env names a Spark.
_client:
    #!/bin/sh
    set -eu
    cd "{{ justfile_directory() }}"
    [ "${WAREHOUSE_SPARK:-}" = off ] && exit 0
    [ -n "${WAREHOUSE_SPARK:-}" ] || grep -q '^WAREHOUSE_SPARK=.' .env 2>/dev/null || exit 0
    [ -f ".venv/.installed-requirements-all.lock" ] || exec "{{ just_executable() }}" _install requirements-spark.lock

# Notebooks, tests, checks: not needed for the first answer.
_setup-all: _setup (_install "requirements-all.lock")

# Spark itself, 456 MB, in an environment of its own. SPARK_HOME names one that is there already.
_setup-spark:
    #!/bin/sh
    set -eu
    [ -n "${SPARK_HOME:-}" ] && exit 0
    cd "{{ justfile_directory() }}"
    lock=requirements-spark-server.lock
    want=$(cksum <"$lock")
    [ "$(cat .servers/spark/.installed 2>/dev/null || true)" = "$want" ] && exit 0
    echo "First use: installing Spark into .servers/spark (456 MB, a minute or two) ..." >&2
    [ -x .servers/spark/bin/python ] || python3 -m venv .servers/spark
    .servers/spark/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" >&2
    echo "$want" > .servers/spark/.installed

_install LOCK:
    #!/bin/sh
    set -eu
    cd "{{ justfile_directory() }}"
    want=$(cat "$1" pyproject.toml | cksum)
    [ "$(cat ".venv/.installed-$1" 2>/dev/null || true)" = "$want" ] && exit 0
    echo "First use: installing the locked packages into .venv (a minute or two) ..." >&2
    [ -x .venv/bin/python ] || python3 -m venv .venv
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$1" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
    echo "$want" > ".venv/.installed-$1"
