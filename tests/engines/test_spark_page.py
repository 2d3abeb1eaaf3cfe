"""The page on Spark's SQL is what the rules say."""

from tests.engines import spark_page


def test_the_page_is_written_from_the_rules() -> None:
    assert spark_page.PAGE.read_text(encoding="utf-8") == spark_page.page(), (
        "write it again: python -m tests.engines.spark_page"
    )
