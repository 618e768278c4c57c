"""A run that is killed, at whatever moment, leaves the old tree or the new one; the next run cleans up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from codegen.tree import replace_folder


def client_of(project):
    return {name: data for name, data in project.snapshot().items() if name.startswith("generated/xchat_client/")}


@pytest.mark.slow
def test_generate_killed_at_any_moment(project):
    old = client_of(project)
    overlay = project.path("codegen/overlay.yaml")
    overlay.write_text(overlay.read_text().replace("Moves the read mark", "Puts the read mark"))
    assert project.run("generate").returncode == 0
    new = client_of(project)
    assert new != old

    rng = random.Random(7)
    for turn in range(5):
        before = "new" if turn % 2 == 0 else "old"  # what the tree holds; this run would make the other
        words = ("Puts", "Moves") if before == "new" else ("Moves", "Puts")
        overlay.write_text(overlay.read_text().replace(f"{words[0]} the read mark", f"{words[1]} the read mark"))
        command = [sys.executable, "-m", "codegen", "generate"]
        run = subprocess.Popen(command, cwd=project.root, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(rng.uniform(0.5, 6.5))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        left = client_of(project)
        assert left in (old, new)
        assert project.run("generate").returncode == 0
        assert client_of(project) == (old if before == "new" else new)
        assert [path.name for path in project.path("generated").iterdir()] == ["xchat_client"]


@pytest.mark.slow
def test_the_swap_killed_at_any_moment(tmp_path):
    contents = {}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for number in range(30):
            (tmp_path / name / f"{number}.py").write_text(name)
        contents[name] = {f"{number}.py": name for number in range(30)}
    code = """
        import sys
        from pathlib import Path
        from codegen.tree import replace_folder
        one, two = (Path(argument) for argument in sys.argv[1:])
        print("going", flush=True)
        while True:
            replace_folder(one, two)
    """
    places = [str(tmp_path / "one"), str(tmp_path / "two")]
    for turn in range(30):
        command = [sys.executable, "-c", textwrap.dedent(code), *places]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as run:
            run.stdout.readline()
            time.sleep(turn / 3000)
            run.kill()
        left = {path.name: path.read_text() for path in (tmp_path / "two").iterdir()}
        assert left in contents.values()


def test_a_folder_that_is_not_there_yet(tmp_path):
    (tmp_path / "new").mkdir()
    replace_folder(tmp_path / "new", tmp_path / "place")
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


def test_two_runs_at_once_do_not_meet(project):
    command = [sys.executable, "-m", "codegen", "generate"]
    runs = [
        subprocess.Popen(command, cwd=project.root, stderr=subprocess.PIPE, text=True, start_new_session=True)
        for _ in range(3)
    ]
    messages = [run.communicate()[1] for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes[0] == 0
    for message, run in zip(messages, runs, strict=True):
        if run.returncode:
            assert run.returncode == 2
            assert "another run of codegen is at work" in message
    assert project.run("check").returncode == 0


@pytest.mark.parametrize("command", ["generate", "check"])
def test_what_killed_runs_left_is_cleaned_up(project, command):
    left = project.path("generated/.codegen-left")
    left.mkdir()
    (left / "file.py").write_text("")
    assert project.run(command).returncode == 0
    assert not left.exists()
