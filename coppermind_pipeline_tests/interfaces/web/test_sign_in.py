import os
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

from coppermind_pipeline.interfaces.web.sessions import session_key
from coppermind_pipeline.interfaces.web.sign_in import LINK_LIFETIME_S, make_sign_in_link, redeem


def _token(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]


def test_a_link_signs_in_once(tmp_path):
    link = make_sign_in_link(tmp_path, "http://localhost:8480", customer="agency")
    assert re.fullmatch(r"http://localhost:8480/sign-in\?token=[\w-]{43}", link)
    assert redeem(tmp_path, _token(link)) == "agency"
    assert redeem(tmp_path, _token(link)) is None


def test_of_many_that_come_at_once_one_gets_in(tmp_path):
    token = _token(make_sign_in_link(tmp_path, "http://localhost:8480"))
    with ThreadPoolExecutor(16) as pool:
        got_in = [customer for customer in pool.map(lambda _: redeem(tmp_path, token), range(64)) if customer]
    assert got_in == ["local"]


def test_a_made_up_token_gets_nobody_in(tmp_path):
    make_sign_in_link(tmp_path, "http://localhost:8480")
    for token in ("", "x", "../web-session.key", "\0", "a" * 5_000):
        assert redeem(tmp_path, token) is None


def test_a_link_expires_and_is_cleaned_up(tmp_path):
    token = _token(make_sign_in_link(tmp_path, "http://localhost:8480"))
    (file,) = (tmp_path / "sign-in").iterdir()
    long_ago = time.time() - LINK_LIFETIME_S - 1
    os.utime(file, (long_ago, long_ago))
    assert redeem(tmp_path, token) is None
    assert not file.exists()


def test_neither_token_nor_key_can_be_read_by_others(tmp_path):
    token = _token(make_sign_in_link(tmp_path, "http://localhost:8480"))
    session_key(tmp_path)
    (file,) = (tmp_path / "sign-in").iterdir()
    assert token not in file.name + file.read_text()
    for path in (file, tmp_path / "web-session.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_processes_that_start_at_once_share_one_session_key(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(lambda _: session_key(tmp_path), range(64)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 43
    assert [file.name for file in tmp_path.iterdir()] == ["web-session.key"]
