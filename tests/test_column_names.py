"""What the name of a column tells: secrets are left out, and nothing else is."""

from __future__ import annotations

import re

import pytest

from warehouse.project.column_names import looks_secret, looks_updated, snake_case

SECRETS = """
    password PASSWORD userPassword password_hash passwordHash user_passwd passwd pwd smtp_pwd pass
    db_pass secret client_secret secretKey two_factor_secret salt password_salt token api_token
    resetToken csrfToken remember_token access_token hash pw_hash pwd_hash email_hash api_key apiKey
    APIKey private_key session_key ssh_key otp totp_seed cvv cvc2 pin pin_code pincode jwt
    credentials aws_credentials authentication_string recovery_codes backup_code passphrase
"""
HARMLESS = """
    id name hashtag hashtags token_count tokens prompt_tokens token_type secretary secretary_id
    password_changed_at password_reset_at has_password is_password_set password_expires
    password_length token_expires_at passport passport_no compass bypass pass_rate passenger
    passed_on key primary_key foreign_key keyword monkey shipping pins spin pinned opinion hashed_on
    asphalt saltwater author auth_method code zip_code country_code postcode product_code
    tokenizer digestion digest_sent_at
"""
UPDATED = """
    updated_at updatedAt UpdatedAt modified last_modified last_update update_time modified_on
    date_modified changed_at lastUpdated gmt_modified updated mtime ts_updated
"""
OTHER_TIMES = "created_at update_count updater last_seen_at order_date"


def words(text: str) -> list[str]:
    return re.findall(r"\S+", text)


@pytest.mark.parametrize("name", words(SECRETS))
def test_a_secret(name: str) -> None:
    assert looks_secret(name, "varchar(255)")
    assert looks_secret(name, "binary(32)")


@pytest.mark.parametrize("name", words(HARMLESS))
def test_no_secret(name: str) -> None:
    assert not looks_secret(name, "varchar(255)")


@pytest.mark.parametrize("mysql_type", ["datetime(6)", "DECIMAL(6,2)", "tinyint(1)", "float"])
def test_a_type_that_holds_no_secret(mysql_type: str) -> None:
    assert not looks_secret("salt", mysql_type) and not looks_secret("password", mysql_type)
    assert looks_secret("pin", "int")


@pytest.mark.parametrize("name", words(UPDATED))
def test_the_time_of_the_last_change(name: str) -> None:
    assert looks_updated(name)


@pytest.mark.parametrize("name", words(OTHER_TIMES))
def test_another_time(name: str) -> None:
    assert not looks_updated(name)


def test_words_of_a_name() -> None:
    told = {"passwordHash": "password_hash", "APIKey": "api_key", "a b-c": "a_b_c", "x1Y": "x1_y"}
    assert {name: snake_case(name) for name in told} == told
