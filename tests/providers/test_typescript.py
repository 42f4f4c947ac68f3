"""Imports against real exports, and their cure. What tsc says of each form stands in `typescript_modules`."""

# ruff: noqa: E501  (a row of a table is one line)

import gzip
import subprocess

import pytest

from remediate.errors import CouldNotLook, Failed
from remediate.providers.edits import PLACE_SCRIPT, place_question
from remediate.providers.typescript import TypescriptImport, TypescriptImports
from remediate.providers.typescript_tree import Tree, read_tree, tree_answer, tree_question
from remediate.questions import Answers, RunAnswer

BACKEND, SOURCE = "/srv/app/backend", "/srv/app/backend/src"
DEFAULT_ONLY = "const prisma = make()\nexport default prisma\n"
NAMED_ONLY = "export const prisma = make()\n"
CHECK = TypescriptImports(backend=BACKEND)
CURE = TypescriptImport(backend=BACKEND, root="/srv/app")


def answers(files: dict[str, str | bytes]) -> Answers:
    tree = Tree(
        SOURCE, {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    )
    place = RunAnswer(exit_code=0, stdout=f"/srv/app\0{SOURCE}\0".encode())
    return Answers({tree_question(SOURCE): tree_answer(tree), place_question("/srv/app", SOURCE): place})


def found(files: dict[str, str | bytes], check: TypescriptImports = CHECK) -> list[tuple[str, str, str]]:
    given = answers(files)
    return [
        (wrong["kind"], wrong["imported"], wrong["suggestion"])
        for wrong in check.judge(given, given).facts["wrong"]
    ]


def mended(source: str, client: str = DEFAULT_ONLY, file: str = "a.ts") -> str:
    changes = CURE.plan(answers({file: source, "db/client.ts": client}))
    if not changes:
        return source
    tree = read_tree(SOURCE, changes[-1].forecasts[0].answer)
    return tree.files[file].decode()


@pytest.mark.parametrize(
    ("statement", "client"),
    [
        ("import prisma from './db/client'", DEFAULT_ONLY),
        ("import { prisma } from './db/client'", NAMED_ONLY),
        ("import { default as prisma } from './db/client'", DEFAULT_ONLY),
        ("import * as client from './db/client'", DEFAULT_ONLY),
        ("import './db/client'", "run()"),
        ("import client = require('./db/client')", "export = make()"),
        ("import { anything } from './db/client'", "export = make()"),
        ("import { prisma } from './db/client.js'", NAMED_ONLY),
        ("import { P } from './db/client'", "export interface P {}\nexport default 1"),
        ("import type { P } from './db/client'", "type P = string\nexport type { P }"),
        ("import { a, b, c } from './db/client'", "export const { a, x: b, ...c } = o"),
        ("import { f, C, E, N } from './db/client'", "export function f(){}\nexport abstract class C{}\nexport enum E{}\nexport namespace N{}"),
        ("import { prisma } from './db/client'", "export * from '../other'"),
        ("import { prisma } from './db/client'", "export * from '@prisma/client'"),
        ("import { prisma } from './db/client'", "export { default as prisma } from '../other'"),
        ("import { ns } from './db/client'", "export * as ns from '../other'"),
        ("import prisma from './db/client'", "export { p as default }"),
        ("import { d } from './db/client'", "export declare const d: string"),
        ("import { z } from './db/client'", "export import z = A.b"),
        ("// import { prisma } from './db/client'\nconst s = \"import { prisma } from './db/client'\"", DEFAULT_ONLY),
        ("import { PrismaClient } from '@prisma/client'", DEFAULT_ONLY),
        ("import { outside } from '../../shared/outside'", DEFAULT_ONLY),
        ("import data from './data.json'", DEFAULT_ONLY),
        ("import binary from './latin1'", DEFAULT_ONLY),
    ],
)  # fmt: skip
def test_an_import_of_what_is_exported_is_healthy(statement, client):
    other = {
        "other.ts": NAMED_ONLY + "export default 1",
        "data.json": None,
        "latin1.ts": b"export const \xe9 = 1",
    }
    files = {
        name: text if isinstance(text, bytes | type(None)) else text.encode() for name, text in other.items()
    }
    tree = Tree(SOURCE, {"a.ts": statement.encode(), "db/client.ts": client.encode(), **files})
    given = Answers({tree_question(SOURCE): tree_answer(tree)})
    assert CHECK.judge(given, given).facts["wrong"] == []


@pytest.mark.parametrize(
    ("statement", "client", "kind", "suggestion"),
    [
        ("import { prisma } from './db/client'", DEFAULT_ONLY, "named-of-default", "import prisma from './db/client'"),
        ("import prisma from './db/client'", NAMED_ONLY, "default-of-named", "import { prisma } from './db/client'"),
        ("import { gone } from './db/client'", NAMED_ONLY, "no-such-export", ""),
        ("import prisma from './db/client'", "run()", "no-such-export", ""),
        ("import { x } from './db/nowhere'", DEFAULT_ONLY, "no-such-module", ""),
        ("import './db/nowhere'", DEFAULT_ONLY, "no-such-module", ""),
        ("export { prisma } from './db/client'", DEFAULT_ONLY, "named-of-default", "export { default as prisma } from './db/client'"),
        ("export * from './nowhere'", DEFAULT_ONLY, "no-such-module", ""),
        ("import { prisma } from './db/client'", "export default prisma\nexport const other = 1", "named-of-default", "import prisma from './db/client'"),
        ("import { foo } from './db/client'", "export default bar\nexport const other = 1", "named-of-default", ""),
        ("import db from './db/client'", "export const a = 1, b = 2", "default-of-named", ""),
        ("import db from './db/client'", "export * from '@prisma/client'\nexport const prisma = 1", "default-of-named", ""),
        ("import prisma from './db/client'", "export * from '@prisma/client'\nexport const prisma = 1", "default-of-named", "import { prisma } from './db/client'"),
        ("import prisma from './db/client'", "export * from './self'", "default-of-named", "import { prisma } from './db/client'"),
    ],
)  # fmt: skip
def test_an_import_of_what_is_not_exported_is_found_with_its_only_cure(statement, client, kind, suggestion):
    files = {
        "a.ts": statement,
        "db/client.ts": client,
        "db/self.ts": "export * from './client'\n" + NAMED_ONLY,
    }
    [(found_kind, _, found_suggestion)] = found(files)
    assert (found_kind, found_suggestion) == (kind, suggestion)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('import { prisma } from "./db/client";', 'import prisma from "./db/client";'),
        ("import { prisma as db } from './db/client'", "import db from './db/client'"),
        ("import {\r\n  prisma,\r\n} from './db/client'\r\n", "import prisma from './db/client'\r\n"),
        ("\ufeff// é😀\nimport { prisma } from './db/client'", "\ufeff// é😀\nimport prisma from './db/client'"),
        ("import type { prisma } from './db/client'", "import type prisma from './db/client'"),
        ("import { type prisma } from './db/client'", "import { type default as prisma } from './db/client'"),
        ("import { /* why */ prisma } from './db/client'", "import { /* why */ default as prisma } from './db/client'"),
        ("import { prisma } from './db/client' // stays", "import prisma from './db/client' // stays"),
    ],
)  # fmt: skip
def test_a_default_imported_by_name_is_mended_and_all_else_stays(before, after):
    assert mended(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import { a, prisma } from './db/client'", "import prisma, { a } from './db/client'"),
        ("import { prisma, a as b } from './db/client'", "import prisma, { a as b } from './db/client'"),
        ("import {\n  a,\n  prisma,\n  type T,\n} from './db/client'", "import prisma, {\n  a,\n  type T,\n} from './db/client'"),
        ("import type { prisma, T } from './db/client'", "import type { default as prisma, T } from './db/client'"),
        ("import p, { prisma } from './db/client'", "import p, { default as prisma } from './db/client'"),
    ],
)  # fmt: skip
def test_the_other_names_of_the_same_import_are_kept(before, after):
    assert mended(before, DEFAULT_ONLY + "export const a = 1\nexport type T = string") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import prisma from './db/client'", "import { prisma } from './db/client'"),
        ("import db from './db/client'", "import { prisma as db } from './db/client'"),
        ("import prisma, { type T } from './db/client'", "import { prisma, type T } from './db/client'"),
        ("import type prisma from './db/client'", "import type { prisma } from './db/client'"),
        ("import { default as db } from './db/client'", "import { prisma as db } from './db/client'"),
        ("import prisma, * as all from './db/client'", "import prisma, * as all from './db/client'"),
    ],
)  # fmt: skip
def test_a_name_imported_as_default_is_mended_the_other_way(before, after):
    assert mended(before, NAMED_ONLY + "export type T = string") == after


def test_every_wrong_file_is_one_exact_change_and_afterwards_none_is_left():
    wrong = "import { prisma } from './db/client'\n"
    changes = CURE.plan(answers({"a.ts": wrong, "b.ts": wrong * 1, "db/client.ts": DEFAULT_ONLY}))
    assert [change.target for change in changes] == [f"{SOURCE}/a.ts", f"{SOURCE}/b.ts"]
    assert "-import { prisma } from './db/client'\n+import prisma from './db/client'\n" in changes[0].diff
    after = answers({})
    for change in changes:
        after = after.after(change.alters, {one.question: one.answer for one in change.forecasts}, "edit")
    assert CHECK.judge(after, after).healthy
    healed = Answers({**dict(answers({}).items_raw()), **dict(after.items_raw())})
    assert CURE.plan(healed) == ()


def test_only_imports_of_the_named_module_are_looked_at():
    files = {
        "a.ts": "import { prisma } from './db/client'\nimport { gone } from './other'",
        "db/client.ts": DEFAULT_ONLY,
        "other.ts": "",
    }
    named = TypescriptImports(backend=BACKEND, module="src/db/client")
    assert len(found(files)) == 2
    assert [imported for _, imported, _ in found(files, named)] == ["prisma"]
    missing = TypescriptImports(backend=BACKEND, module="src/nowhere")
    assert found({"a.ts": "import x from './nowhere'"}, missing) == [("no-such-module", "default", "")]


@pytest.mark.parametrize("module", ["src/db/cleint", "@prisma/client", "lib/outside"])
def test_a_module_that_is_not_in_the_tree_is_told_instead_of_called_healthy(module):
    given = answers({"a.ts": "import { prisma } from './db/client'", "db/client.ts": NAMED_ONLY})
    named = TypescriptImports(backend=BACKEND, module=module)
    with pytest.raises(CouldNotLook, match=f"module {module} is not in the source tree; check `module`"):
        named.judge(given, given)
    for there in ("src/db/client", "src/db/client.js", "src/db/client.ts"):
        assert TypescriptImports(backend=BACKEND, module=there).judge(given, given).healthy


def test_sources_reached_through_a_link_are_not_edited():
    given = dict(answers({"a.ts": "import { prisma } from './c'", "c.ts": DEFAULT_ONLY}).items_raw())
    given[place_question("/srv/app", SOURCE)] = RunAnswer(exit_code=0, stdout=b"/srv/app\0/etc/src\0")
    with pytest.raises(Failed, match="through a link"):
        CURE.plan(Answers(given))


def run_script(script: str, *args: str) -> RunAnswer:
    done = subprocess.run(["sh", "-c", script, "sh", *args], capture_output=True, check=False)
    return RunAnswer(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def test_the_tree_script_prints_a_real_tree_which_its_forecast_equals(tmp_path):
    (tmp_path / "src/node_modules/x").mkdir(parents=True)
    (tmp_path / "src/node_modules/x/skipped.ts").write_text("no")
    (tmp_path / "src/with space\nand line.ts").write_bytes(b"\0binary\xff")
    (tmp_path / "src/empty.tsx").write_text("")
    (tmp_path / "src/data.json").write_text("{}")
    (tmp_path / "src/link.ts").symlink_to("empty.tsx")
    question = tree_question(str(tmp_path / "src"))
    answer = run_script(question.script, *question.args)
    tree = read_tree(question.args[0], answer)
    assert tree.files == {
        "with space\nand line.ts": b"\0binary\xff",
        "empty.tsx": b"",
        "data.json": None,
        "link.ts": None,
    }
    assert gzip.decompress(tree_answer(tree).stdout) == gzip.decompress(answer.stdout)


def test_a_tree_that_cannot_be_read_whole_blocks_instead_of_lying(tmp_path):
    with pytest.raises(CouldNotLook, match="no directory"):
        read_tree("/x", run_script(tree_question("/x").script, str(tmp_path / "none"), "9"))
    (tmp_path / "a.ts").write_text("more than nine")
    with pytest.raises(CouldNotLook, match="too much"):
        read_tree("/x", run_script(tree_question("/x").script, str(tmp_path), "9"))
    whole = tree_answer(Tree("/x", {"a.ts": b"abc"}))
    with pytest.raises(CouldNotLook, match="too much"):
        read_tree("/x", whole.model_copy(update={"left_out": 1}))
    cut = RunAnswer(exit_code=0, stdout=gzip.compress(gzip.decompress(whole.stdout)[:-1]))
    for broken in (cut, RunAnswer(exit_code=0, stdout=whole.stdout[:-5]), RunAnswer(exit_code=0)):
        with pytest.raises(CouldNotLook, match="read whole"):
            read_tree("/x", broken)


def test_where_a_path_really_is_comes_from_the_host(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    answer = run_script(PLACE_SCRIPT, str(tmp_path), str(tmp_path / "link/new"))
    assert answer.stdout == f"{tmp_path}\0{tmp_path}/real/new\0".encode()
    assert run_script(PLACE_SCRIPT, str(tmp_path), str(tmp_path / "no/where")).exit_code != 0
