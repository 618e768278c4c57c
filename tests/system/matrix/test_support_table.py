"""The README's table of versions is what this run has shown."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
BEGIN, END = "<!-- written by make support-table -->\n", "<!-- end of what make support-table writes -->\n"

HEAD = ("Airflow", "Python", "commands that succeed", "connection form", "example DAGs that succeed", "shown by")
SHOWN_BY = {"commands": "test_commands.py", "form": "test_connection_form.py", "DAGs": "test_example_dags.py"}


def cells(tried):
    succeeded = [done for done in tried.commands.values() if done.status == 0 and not tried.complaints(done)]
    form = tried.form.json
    own = form["extra_fields"]
    labelled = [field for field in form["standard_fields"].values() if field and field["title"]]
    # The hook's methods say of no field that it is a number.
    source = "provider_info" if "integer" in own["expires_at"]["schema"]["type"] else "the hook"
    examples = f"{len(tried.succeeded)} of {len(tried.run)}"
    if only_read := set(tried.imported["dags"]) - tried.run:
        examples += f", {len(only_read)} only read"
    links = [f"[{name}](tests/system/matrix/{file})" for name, file in SHOWN_BY.items()]
    return (
        tried.imported["airflow"],
        tried.imported["python"].rpartition(".")[0],
        f"{len(succeeded)} of {len(tried.commands)}",
        f"{len(labelled) + len(own)} fields, from {source}",
        examples,
        ", ".join(links),
    )


def rendered(each):
    rows = [HEAD, ["---"] * len(HEAD), *map(cells, each)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def test_the_readme_has_the_table_of_this_run(beside_each, request):
    table = rendered(beside_each)
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    written, after = rest.split(END)
    if request.config.getoption("--write-support-table"):
        README.write_text(before + BEGIN + table + END + after, encoding="utf-8")
        written = table
    assert written == table, "to write it: make support-table"


def test_what_it_links_to_is_there():
    assert all(Path(__file__).with_name(file).exists() for file in SHOWN_BY.values())
