"""The page as people use it: folders dropped and chosen, answers in words, nothing from or to the network."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor_pipeline.corpus.recalls import Target
from anchor_pipeline.custody.documents import proof_bytes, prove
from anchor_pipeline.mix.recalled import notice_of
from anchor_pipeline_tests.custody.forge import key, sound
from anchor_pipeline_tests.custody.verifier.browser import opened_page
from anchor_pipeline_tests.custody.verifier.releases import ROOT, World
from anchor_pipeline_tests.recall.worlds import record

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def opened(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened_page(chromium, tmp_path_factory.mktemp("page")) as page:
        yield page


@pytest.fixture
def page(opened: Any) -> Any:
    opened.reload()
    opened.evaluate("localStorage.clear()")
    opened.reload()
    return opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(World().files(), tmp_path / "0003")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "root.pub.json"
    path.parent.mkdir()
    path.write_bytes(ROOT)
    return path


def written(files: dict[str, bytes], folder: Path) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def state(page: Any) -> str:
    """Proved, open or wrong, when the page has come to an end."""
    page.wait_for_selector("#working", state="hidden")
    page.wait_for_selector("#verdict .banner")
    return str(page.get_attribute("#verdict .banner", "data-state"))


def choose(page: Any, name: str, path: Path) -> str:
    page.evaluate("document.getElementById('verdict').replaceChildren()")
    page.set_input_files(f"#{name}-input", path)
    return state(page)


def test_a_chosen_folder_is_not_proved_until_a_root_key_is_added(page: Any, folder: Path, root: Path) -> None:
    assert choose(page, "folder", folder) == "open"
    assert "nobody you named vouches for it" in page.inner_text("#verdict")
    assert choose(page, "root", root) == "proved"
    assert "put on record" in page.inner_text("#verdict")
    assert "Proved" in page.inner_text("#say")
    assert len(page.workers) == 1


def test_every_claim_has_an_icon_a_word_and_details_on_demand(page: Any, folder: Path, root: Path) -> None:
    page.set_input_files("#root-input", root)
    choose(page, "folder", folder)
    lines = page.query_selector_all(".claim .line")
    assert len(lines) > 9
    for line in lines:
        assert line.query_selector(".icon").inner_text().strip()
        assert line.query_selector(".word").inner_text() in ("Proved", "Not proved", "Wrong", "Note")
    details = page.query_selector('details[data-code="completion"]')
    assert not details.query_selector("pre").is_visible()
    details.query_selector("summary").focus()
    page.keyboard.press("Enter")
    assert "mix digest" in details.query_selector("pre").inner_text()


def test_an_altered_folder_is_called_damaged_and_says_where(page: Any, folder: Path, root: Path) -> None:
    page.set_input_files("#root-input", root)
    part = folder / "data" / "train-00000-of-00002.parquet"
    part.write_bytes(part.read_bytes()[:-1] + b"?")
    assert choose(page, "folder", folder) == "wrong"
    assert "Do not rely" in page.inner_text("#verdict")
    assert "train-00000" in page.inner_text('[data-code="file_digest"]')


def test_a_recalled_folder_is_called_recalled_and_says_why(page: Any, folder: Path, root: Path) -> None:
    page.set_input_files("#root-input", root)
    why = "<img src=x onerror=alert(1)> consent withdrawn"
    (folder / "RECALLED.json").write_bytes(notice_of("0" * 64, [record(Target(by="source", value="a"), reason=why)]))
    assert choose(page, "folder", folder) == "wrong"
    assert "Recalled" in page.inner_text("#verdict")
    assert "must not be used" in page.inner_text("#verdict")
    assert why in page.inner_text('[data-code="recalled"]')


def test_a_ledger_with_its_head_can_be_checked_alone(page: Any, tmp_path: Path, root: Path) -> None:
    forge = sound()
    written({"ledger.jsonl": forge.data(), "checkpoint": forge.head().encode()}, tmp_path / "alone")
    page.set_input_files("#root-input", root)
    page.evaluate("document.getElementById('verdict').replaceChildren()")
    page.set_input_files("#files-input", [tmp_path / "alone" / "ledger.jsonl", tmp_path / "alone" / "checkpoint"])
    assert state(page) == "proved"
    assert page.is_hidden("#document")


def test_a_document_shows_its_way_and_an_absent_one_its_neighbours(page: Any, folder: Path) -> None:
    choose(page, "folder", folder)
    for name, expected in (("books/1", "completion of mix/pretrain"), ("books/zzz", "Not in this release")):
        page.fill("#document-id", name)
        page.press("#document-id", "Enter")
        page.wait_for_function(
            "(text) => document.getElementById('document-result').innerText.includes(text)", arg=expected
        )


def _proof(world: World, doc_id: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    files = world.files()
    lines = gzip.decompress(files["custody/documents.jsonl.gz"]).splitlines()
    return files, prove(lines, json.loads(files["MANIFEST.json"])["digest"], doc_id, "documents")


@pytest.mark.parametrize("doc_id", ["books/1", "absent", "books/1a", "zzz"])
def test_a_proof_holds_with_its_release_and_alone_it_proves_no_release(
    page: Any, tmp_path: Path, root: Path, doc_id: str
) -> None:
    files, proof = _proof(World(), doc_id)
    path = tmp_path / "proof.json"
    path.write_bytes(proof_bytes(proof))
    assert choose(page, "files", path) == "open"
    page.set_input_files("#root-input", root)
    assert choose(page, "folder", written(files, tmp_path / "release")) == "proved"
    assert ("is not in" in page.inner_text('[data-code="proof"]')) == (not proof["included"])


@pytest.mark.parametrize(
    "change", ["line", "path", "included", "doc_id", "mix", "root", "count", "leaves", "index", "gap"]
)
def test_an_altered_proof_is_wrong(page: Any, tmp_path: Path, change: str) -> None:
    files, proof = _proof(World(), "books/1a")
    match change:
        case "line":
            proof["leaves"][0]["line"] = proof["leaves"][0]["line"].replace("human", "humam")
        case "path":
            proof["leaves"][0]["path"][0] = "0" * 64
        case "included":
            proof["included"] = True
        case "doc_id":
            proof["doc_id"] = "books/1"
        case "mix" | "root":
            proof[change] = "0" * 64
        case "count":
            proof["count"] += 1
        case "leaves":
            del proof["leaves"][0]
        case "gap":
            # Two honest leaves with the document between them left out.
            sides = [_proof(World(), side)[1]["leaves"][0] for side in ("books/0", "books/3")]
            proof |= {"doc_id": "books/1", "included": False, "leaves": sides}
        case "index":
            proof["leaves"][0]["index"] += 1
    path = tmp_path / "proof.json"
    path.write_bytes(proof_bytes(proof))
    page.set_input_files("#files-input", path)
    assert choose(page, "folder", written(files, tmp_path / "release")) == "wrong"


def test_the_page_remembers_the_newest_head_and_notices_an_older_one(page: Any, tmp_path: Path, root: Path) -> None:
    forge = sound()
    older = written({"ledger.jsonl": forge.data(), "checkpoint": forge.head().encode()}, tmp_path / "older")
    forge.intent()
    newer = written({"ledger.jsonl": forge.data(), "checkpoint": forge.head().encode()}, tmp_path / "newer")
    page.set_input_files("#root-input", root)
    assert choose(page, "folder", newer) == "proved"
    assert "remembers the newest head of one record" in page.inner_text("#memory")
    page.reload()
    page.set_input_files("#root-input", root)
    assert choose(page, "folder", older) == "wrong"
    assert page.query_selector('[data-code="head_rollback"]')
    page.click("#forget")
    assert choose(page, "folder", older) == "proved"


def test_a_head_kept_as_a_file_is_held_against_the_ledger(page: Any, tmp_path: Path, root: Path) -> None:
    forge = sound()
    older = written({"ledger.jsonl": forge.data(), "checkpoint": forge.head().encode()}, tmp_path / "older")
    forge.intent()
    kept = tmp_path / "kept"
    kept.write_text(forge.head())
    page.set_input_files("#root-input", [root, kept])
    assert choose(page, "folder", older) == "wrong"


def test_hostile_names_and_texts_do_nothing(page: Any, tmp_path: Path) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    world = World(manifest={"project": HOSTILE, "cycle": f"</pre>{HOSTILE}"}, verdict={"status": HOSTILE})
    world.documents[0]["generator"] = HOSTILE
    files = world.files() | {"data/<svg onload=alert(2)>.parquet".replace("/", "/x/", 1): b"", "\u202egpj.exe": b""}
    assert choose(page, "folder", written(files, tmp_path / "release")) == "wrong"
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert page.query_selector_all("main img, main svg, main script") == []
    assert "\\u202e" in page.inner_text("#claims")
    assert alerts == []


def test_files_can_be_dropped(page: Any, root: Path) -> None:
    forge = sound()
    given = {"ledger.jsonl": forge.data().decode(), "checkpoint": forge.head(), "root.txt": ROOT.decode()}
    # Made by a script, a drop holds files but no folders.
    page.evaluate(
        """(given) => {
          const transfer = new DataTransfer();
          for (const [name, text] of Object.entries(given)) transfer.items.add(new File([text], name));
          dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
        }""",
        given,
    )
    assert state(page) in ("proved", "open")
    assert key("root").public.id[:16] in page.inner_text("#claims") or state(page) == "proved"


def test_a_folder_can_be_dropped_with_all_that_is_in_it(page: Any, folder: Path, root: Path) -> None:
    page.set_input_files("#root-input", root)
    session = page.context.new_cdp_session(page)
    box = page.query_selector("#drop").bounding_box()
    transfer = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send(
            "Input.dispatchDragEvent", {"type": kind, "x": box["x"] + 20, "y": box["y"] + 20, "data": transfer}
        )
    assert state(page) == "proved"
    assert "Folder 0003: 12 files" in page.inner_text("#given")


def test_the_page_may_not_use_the_network_and_runs_no_other_scripts(page: Any) -> None:
    source = """async () => {
      const blocked = [];
      addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
      const tried = await fetch("https://example.org/").then(() => "fetched", () => "refused");
      document.body.append(Object.assign(document.createElement("script"), {textContent: "window.ran = 1"}));
      document.body.append(Object.assign(document.createElement("img"), {src: "https://example.org/x.png"}));
      await new Promise((done) => setTimeout(done, 200));
      return [tried, window.ran ?? null, blocked.sort()];
    }"""
    assert page.evaluate(source) == ["refused", None, ["connect-src", "img-src", "script-src-elem"]]


def test_without_workers_the_check_is_done_in_the_page_itself(
    chromium: Any, tmp_path: Path, folder: Path, root: Path
) -> None:
    with opened_page(chromium, tmp_path) as page:
        page.add_init_script("window.Worker = undefined")
        page.reload()
        page.set_input_files("#root-input", root)
        assert choose(page, "folder", folder) == "proved"
        assert page.workers == []


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out_and_all_text_has_contrast(
    opened: Any, folder: Path, root: Path, width: int, scheme: str
) -> None:
    opened.set_viewport_size({"width": width, "height": 900})
    opened.emulate_media(color_scheme=scheme)
    opened.reload()
    choose(opened, "folder", folder)
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.evaluate(_CONTRAST) >= 4.5


_CONTRAST = """() => {
  const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
  const part = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  let least = 21;
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.matches("script, .visually-hidden")) continue;
    const [a, b] = [light(numbers(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
    least = Math.min(least, (a + 0.05) / (b + 0.05));
  }
  return least;
}"""
