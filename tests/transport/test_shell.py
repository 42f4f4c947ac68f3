"""The pipelined shell, over a real sh on this machine."""

import http.server
import os
import re
import shutil
import string
import threading
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediate.errors import Unreachable
from remediate.questions import Fetch, FetchAnswer, Read, Run, RunAnswer, Unanswered
from remediate.transport.host import shell_command

any_time = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@any_time
@given(args=st.lists(text, max_size=6))
def test_any_arguments_arrive_unchanged(bench, args):
    [answer] = bench.ask(Run(script='printf "%s\\0" "$#" "$@"', args=tuple(args)))
    assert answer.stdout.split(b"\0")[1:-1] == [arg.encode() for arg in args]


@any_time
@given(out=st.binary(max_size=400), err=st.binary(max_size=400))
def test_any_bytes_come_back_unchanged_and_apart(bench, out, err):
    octal = ["".join(f"\\{byte:03o}" for byte in each) for each in (out, err)]
    [answer] = bench.ask(Run(script='printf "$1"; printf "$2" >&2; exit 9', args=tuple(octal)))
    assert (answer.stdout, answer.stderr, answer.exit_code) == (out, err, 9)


def test_many_questions_cost_one_trip_and_are_answered_in_order(bench):
    answers = bench.ask(*[Run(script="echo $1", args=(str(number),)) for number in range(50)])
    assert [answer.text for answer in answers] == [f"{number}\n" for number in range(50)]
    assert bench.trips.shell == 1
    assert len(bench.wires) == 1


def test_no_trip_is_hidden_in_a_later_batch(bench):
    for _ in range(3):
        bench.ask(Run(script="echo a"), Read(path="/etc/passwd"))
    assert bench.trips.shell == 3
    assert len(bench.wires) == 1


def test_a_shell_that_talks_before_the_first_question_is_understood(make_bench):
    bench = make_bench("echo '  welcome  '; printf 'motd' >&2; exec sh")
    assert bench.ask(Run(script="echo a; echo b >&2"))[0].model_dump()["stdout"] == b"a\n"


def test_output_cannot_fake_a_frame(bench):
    script = r"""tr '\0' '\n' </proc/$PPID/cmdline; tr '\0' '\n' </proc/$$/environ; set
      printf '\n%032d< 0 1 2\n' 0; printf '\n%032d>\n' 0; echo end"""
    first, second = bench.ask(Run(script=script), Run(script="echo second"))
    assert first.text.endswith("end\n")
    assert second.text == "second\n"


def test_no_command_sees_the_nonce(bench):
    script = 'set; tr "\\0" "\\n" </proc/$$/environ; cat /proc/$PPID/cmdline /proc/$$/cmdline'
    [answer] = bench.ask(Run(script=script))
    [nonce] = re.findall(rb"remediate_run ([0-9a-f]{32}) ", bench.wires[0].said)
    assert nonce not in answer.stdout


def test_a_question_that_takes_too_long_is_unanswered_and_the_next_ones_are_answered(bench):
    began = time.monotonic()
    slow, quick = bench.ask(Run(script="echo x; sleep 30 | sleep 31", timeout=0.3), Run(script="echo quick"))
    assert slow == Unanswered(reason="`echo x; sleep 30 | sleep 31` took longer than 0.3 s")
    assert quick.text == "quick\n"
    assert time.monotonic() - began < 3
    assert len(bench.wires) == 1


def test_a_command_that_ignores_term_is_killed(bench):
    slow, quick = bench.ask(
        Run(script="trap '' TERM; while :; do sleep 0.1; done", timeout=0.2), Run(script="echo quick")
    )
    assert isinstance(slow, Unanswered)
    assert quick.text == "quick\n"


def test_the_exit_code_124_of_a_command_is_no_timeout(bench):
    assert bench.ask(Run(script="exit 124"))[0].exit_code == 124


def test_a_shell_that_hangs_is_given_up_by_the_runner(make_bench, monkeypatch):
    monkeypatch.setattr("remediate.transport.conversation.SLACK", 0.3)
    monkeypatch.setattr("remediate.transport.shell.KILLING", 0.1)
    bench = make_bench()
    bench.ask(Run(script="echo a"))
    hung, fine = bench.ask(
        Run(script="kill -STOP $(ps -o ppid= $PPID)", timeout=0.5), Run(script="echo fine")
    )
    assert isinstance(hung, Unanswered)
    assert fine.text == "fine\n"
    assert len(bench.wires) == 2


def test_a_background_child_neither_holds_the_answer_up_nor_speaks_into_the_next(bench):
    began = time.monotonic()
    script = "(while :; do echo pollution; echo pollution >&2; done) & sleep 0.1; echo $!"
    first, second = bench.ask(Run(script=script), Run(script="sleep 0.2; echo clean"))
    assert (second.stdout, second.stderr) == (b"clean\n", b"")
    assert time.monotonic() - began < 5
    assert first.exit_code == 0


def test_a_daemon_that_keeps_the_streams_open_does_not_hold_the_answer_up(bench):
    began = time.monotonic()
    first, second = bench.ask(Run(script="setsid sleep 20 & echo $!"), Run(script="echo next"))
    assert second.text == "next\n"
    assert time.monotonic() - began < 2
    os.kill(int(first.text), 9)


def test_stdin_is_empty(bench):
    first, second = bench.ask(Run(script="cat; echo end"), Run(script="echo next"))
    assert (first.text, second.text) == ("end\n", "next\n")


TELLS = """
read -r secret
for process in "$$" "$PPID"; do tr '\\0' '\\n' <"/proc/$process/cmdline"; tr '\\0' '\\n' <"/proc/$process/environ"; done
"""


@any_time
@given(secret=text)
def test_a_secret_arrives_on_stdin_whatever_is_in_it(make_bench, secret):
    bench = make_bench(secrets={"url": secret})
    given_it, next_one = bench.ask(Run(script="cat", secret="url"), Run(script="cat; echo next"))
    assert given_it.stdout == secret.encode() + b"\n"
    assert next_one.text == "next\n"


@pytest.mark.parametrize("beginning", [*string.hexdigits])
def test_a_secret_that_begins_like_the_end_of_what_it_stands_in_arrives_whole(make_bench, beginning):
    secret = f"{beginning}é\na second line"  # dash 0.5.12 lost the first byte of é, once in sixteen times
    bench = make_bench(secrets={"url": secret})
    answers = bench.ask(*[Run(script="cat", args=(str(turn),), secret="url") for turn in range(20)])
    assert {answer.stdout for answer in answers} == {secret.encode() + b"\n"}


def test_a_secret_is_no_argument_and_in_no_environment(make_bench):
    [told] = make_bench(secrets={"url": "horse-battery"}).ask(Run(script=TELLS, secret="url"))
    assert told.exit_code == 0
    assert "PATH=" in told.text
    assert "horse-battery" not in told.text


def test_a_secret_that_the_inventory_has_not_got_is_unanswered(bench):
    [unknown] = bench.ask(Run(script="cat", secret="nope"))
    assert unknown == Unanswered(reason="the inventory has no secret named nope")


def test_a_script_that_ends_the_shell_is_unanswered_and_the_rest_is_answered(bench):
    script = "kill -9 $(ps -o ppid= $PPID); sleep 0.2"
    killer, other = bench.ask(Run(script=script), Run(script="echo other"))
    assert killer == Unanswered(reason=f"`{script}` ended the shell that was asked")
    assert other.text == "other\n"


def test_no_shell_is_unreachable_with_its_last_word(make_bench):
    bench = make_bench("echo 'This account is not available.' >&2; exit 1")
    with pytest.raises(Unreachable, match="here: no shell there: This account is not available"):
        bench.ask(Run(script="echo a"))


def test_a_link_that_breaks_while_looking_is_opened_once_more(bench):
    bench.ask(Run(script="echo a"))
    bench.wires[0].cut()
    assert bench.ask(Run(script="echo b"))[0].text == "b\n"
    assert len(bench.wires) == 2


def test_a_link_that_breaks_twice_is_unreachable(bench):
    opened = bench.open

    def open_cut(command):
        wire = opened(command)
        wire.cut()
        return wire

    bench.shell._open_wire = open_cut
    with pytest.raises(Unreachable, match="broke twice"):
        bench.ask(Run(script="echo a"))


def test_a_shell_that_ended_between_two_looks_is_replaced(bench):
    bench.ask(Run(script="echo a"))
    bench.wires[0].process.kill()
    assert bench.ask(Run(script="echo b"))[0].text == "b\n"


def test_ctrl_c_in_the_middle_leaves_no_answer_behind(bench, monkeypatch):
    real = bench.open

    def interrupt(command):
        wire = real(command)

        def receive(seconds):
            raise KeyboardInterrupt

        wire.receive = receive
        return wire

    bench.shell._open_wire = interrupt
    with pytest.raises(KeyboardInterrupt):
        bench.ask(Run(script="echo old"))
    bench.shell._open_wire = real
    assert bench.ask(Run(script="echo new"))[0].text == "new\n"


def test_a_long_output_keeps_head_and_tail_in_bounded_memory(bench):
    tracemalloc.start()
    script = "echo head; head -c 20000000 /dev/zero; echo; echo tail"
    [answer] = bench.ask(Run(script=script))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.stdout.startswith(b"head\n")
    assert answer.stdout.endswith(b"tail\n")
    assert len(answer.stdout) + answer.left_out == 20_000_011
    assert len(answer.stdout) == 2 * 256 * 1024
    assert peak < 5_000_000


def test_both_streams_full_and_a_long_batch_do_not_deadlock(bench):
    noisy = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo $1 >/dev/null"
    answers = bench.ask(*[Run(script=noisy, args=("x" * 100_000 + str(number),)) for number in range(5)])
    assert [answer.left_out > 0 for answer in answers] == [True] * 5


@pytest.mark.parametrize("arg", ["a\0b", "x" * 200_000])
def test_an_argument_that_no_command_can_take_is_unanswered(bench, arg):
    bad, good = bench.ask(Run(script="echo $1", args=(arg,)), Run(script="echo good"))
    assert isinstance(bad, Unanswered)
    assert good.text == "good\n"


def test_variables_of_the_host_arrive_whatever_is_in_them(make_bench):
    value = "a b'c\"$(echo no)`id`\n\\é"
    bench = make_bench(env={"GIVEN": value})
    assert bench.ask(Run(script='printf %s "$GIVEN"'))[0].stdout == value.encode()


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("sudo"), reason="becoming another user needs root and sudo"
)
def test_the_shell_becomes_another_user(make_bench):
    bench = make_bench(shell_command("nobody"), env={"GIVEN": "a 'b'"})
    [answer] = bench.ask(Run(script='id -un; pwd; echo "$GIVEN"; echo "$HOME"'))
    assert answer.text.splitlines() == ["nobody", "/", "a 'b'", "/nonexistent"]


# --- reading


def test_a_file_is_read_whole_with_owner_mode_and_time(bench, tmp_path):
    file = tmp_path / "a file\nwith 'odd' name"
    content = bytes(range(256)) * 4000
    file.write_bytes(content)
    file.chmod(0o640)
    os.utime(file, ns=(1, 1_234_567_890_123_456_789))
    [answer] = bench.ask(Read(path=str(file)))
    assert answer.content == content
    assert (answer.mode, answer.owner, answer.kind_of_file) == (0o640, file.owner(), "file")
    assert answer.mtime_ns == 1_234_567_890_123_456_789


def test_what_is_not_there_does_not_exist(bench, tmp_path):
    (tmp_path / "file").write_text("")
    paths = [tmp_path / "no", tmp_path / "no/no/no", tmp_path / "file/below"]
    assert [answer.exists for answer in bench.ask(*[Read(path=str(path)) for path in paths])] == [False] * 3


def test_a_link_is_seen_as_a_link_with_what_it_leads_to(bench, tmp_path):
    (tmp_path / "file").write_text("content")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    link, dangling = bench.ask(Read(path=str(tmp_path / "link")), Read(path=str(tmp_path / "dangling")))
    assert (link.kind_of_file, link.link_to, link.content) == ("link", "file", b"content")
    assert (dangling.exists, dangling.kind_of_file, dangling.link_to, dangling.content) == (
        True,
        "link",
        "nowhere",
        b"",
    )


def test_directories_and_pipes_have_no_content_and_hold_nothing_up(bench, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    folder, pipe = bench.ask(Read(path=f"{tmp_path}/"), Read(path=str(tmp_path / "pipe")))
    assert (folder.kind_of_file, pipe.kind_of_file) == ("directory", "other")
    assert folder.content == pipe.content == b""


def test_a_relative_path_is_unanswered(bench):
    assert bench.ask(Read(path="etc/passwd")) == [Unanswered(reason="etc/passwd is no absolute path")]


# --- fetching


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        body = b"b" * int(self.path.rpartition("/")[2] or 2)
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - http.server calls it so

    def log_message(self, *_):
        pass


@pytest.fixture
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_page_is_fetched_from_the_host(bench, web):
    base = f"http://127.0.0.1:{web.server_port}"
    fine, missing, head = bench.ask(
        Fetch(url=f"{base}/5"), Fetch(url=f"{base}/missing/"), Fetch(url=f"{base}/7", method="HEAD")
    )
    assert (fine.status, fine.body, fine.error) == (200, b"bbbbb", "")
    assert (missing.status, missing.body) == (404, b"bb")
    assert (head.status, head.body) == (200, b"")
    assert fine.seconds > 0


def test_of_a_long_page_the_first_256_kib_are_kept(bench, web):
    [answer] = bench.ask(Fetch(url=f"http://127.0.0.1:{web.server_port}/1000000"))
    assert (answer.status, answer.body) == (200, b"b" * 256 * 1024)


def test_headers_and_the_bearer_token_arrive_whatever_is_in_them(make_bench, web):
    token = "a\"b\\c$(id)'d"
    bench = make_bench(secrets={"api": token})
    question = Fetch(url=f"http://127.0.0.1:{web.server_port}/1", headers=(("X-Odd", 'q"\\'),), bearer="api")
    [answer] = bench.ask(question)
    [(_, headers)] = web.seen
    assert (answer.status, headers["Authorization"], headers["X-Odd"]) == (200, f"Bearer {token}", 'q"\\')


def test_no_connection_is_status_0_with_the_reason(bench):
    [answer] = bench.ask(Fetch(url="http://127.0.0.1:9/"))
    assert isinstance(answer, FetchAnswer)
    assert answer.status == 0
    assert "connect" in answer.error


def test_an_unknown_secret_and_a_line_break_in_a_header_are_unanswered(make_bench):
    bench = make_bench(secrets={"bad": "a\nHost: evil"})
    unknown, broken = bench.ask(
        Fetch(url="http://127.0.0.1:9/", bearer="nope"), Fetch(url="http://127.0.0.1:9/", bearer="bad")
    )
    assert unknown == Unanswered(reason="the inventory has no secret named nope")
    assert isinstance(broken, Unanswered)
    assert "evil" not in broken.reason


def test_without_curl_a_fetch_is_unanswered(make_bench, tmp_path):
    bench = make_bench(env={"PATH": str(tmp_path)})
    [answer] = bench.ask(Fetch(url="http://127.0.0.1:9/"))
    assert answer == Unanswered(
        reason="http://127.0.0.1:9/ cannot be fetched: curl is not installed on the host"
    )


def test_curl_obeys_no_settings_of_the_user_there(make_bench, tmp_path, web):
    (tmp_path / ".curlrc").write_text("fail\nuser-agent = other\n")
    bench = make_bench(outer={"HOME": str(tmp_path), "http_proxy": "http://127.0.0.1:9"})
    [answer] = bench.ask(Fetch(url=f"http://127.0.0.1:{web.server_port}/1"))
    assert answer.status == 200
    assert "other" not in web.seen[0][1]["User-Agent"]


def test_looking_leaves_nothing_behind(make_bench, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    bench = make_bench(outer={"HOME": str(home), "TMPDIR": str(home)})
    answers = bench.ask(Run(script="echo a; pwd"), Read(path="/etc/passwd"), Fetch(url="http://127.0.0.1:9/"))
    assert isinstance(answers[0], RunAnswer)
    assert answers[0].text == f"a\n{home}\n"
    assert list(home.iterdir()) == []
