"""The drawn lineage graph as plain data: folding, layout and tables lose nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_pipeline.graph.captions import short
from anchor_pipeline.graph.folding import DRAWN, DRAWN_ON_PATH, View, view
from anchor_pipeline.graph.layout import DOWN, HEIGHT, WIDTH, layout
from anchor_pipeline.graph.listing import connections, sections, summary
from anchor_pipeline.graph.page import lineage_page
from anchor_pipeline.graph.picture import COLUMNS, UNKNOWN, Count, Edge, Node, Picture, bounded, checked, plain
from anchor_pipeline_tests.graph.pictures import made_up

SIZES = (3, 300)


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    """Any graph, circles and loops among it."""
    number = st.integers(0, 10**12)
    count = st.builds(lambda n, t: Count(n, {"text": t}), number, number) | st.just(UNKNOWN)
    names = draw(
        st.lists(st.tuples(st.sampled_from(COLUMNS), st.text(max_size=3)), min_size=1, max_size=90, unique=True)
    )
    nodes = [Node(*name, name[1], draw(count), picked=draw(st.none() | count)) for name in names]
    ends = st.sampled_from(names)
    edges = draw(st.lists(st.builds(Edge, ends, ends, st.sampled_from(("read", "parent")), count), max_size=60))
    focus = draw(st.none() | ends)
    return checked(Picture("anything", tuple(nodes), tuple(edges), focus))


def must_be_whole(picture: Picture, shown: View) -> None:
    """Every node is in one box, every edge in one line, and sums are kept."""
    assert sorted(number for box in shown.boxes for number in box.members) == list(range(len(picture.nodes)))
    assert sorted(number for line in shown.lines for number in line.members) == list(range(len(picture.edges)))
    assert sum((box.count for box in shown.boxes), Count()) == sum((node.count for node in picture.nodes), Count())
    assert sum((line.count for line in shown.lines), Count()) == sum((edge.count for edge in picture.edges), Count())
    for line in shown.lines:
        ends = {box: {(picture.nodes[n].column, picture.nodes[n].name) for n in shown.boxes[box].members}
                for box in (line.tail, line.head)}  # fmt: skip
        for edge in (picture.edges[number] for number in line.members):
            assert edge.tail in ends[line.tail]
            assert edge.head in ends[line.head]


@settings(max_examples=60, deadline=None)
@given(picture=pictures())
def test_nothing_is_left_out_of_a_picture(picture: Picture) -> None:
    shown = view(picture)
    must_be_whole(picture, shown)
    places = layout(shown)
    rects = list(places.places)
    assert len(set(rects)) == len(rects)
    assert all(0 <= x <= places.width - WIDTH and 0 <= y <= places.height - HEIGHT for x, y in rects)
    below = {
        (x, y): min((other - y for left, other in rects if left == x and other > y), default=None) for x, y in rects
    }
    assert all(distance is None or distance >= HEIGHT + DOWN for distance in below.values())


@settings(max_examples=30, deadline=None)
@given(picture=pictures(), most=st.integers(1, 5))
def test_what_is_too_much_for_a_page_is_merged_and_counted(picture: Picture, most: int) -> None:
    less = bounded(picture, dict.fromkeys(COLUMNS, most))
    assert all(len(less.column(column)) <= most for column in COLUMNS)
    assert sum(node.stands_for for node in less.nodes) == len(picture.nodes)
    assert sum((node.count for node in less.nodes), Count()) == sum((node.count for node in picture.nodes), Count())
    assert sum((edge.count for edge in less.edges), Count()) == sum((edge.count for edge in picture.edges), Count())
    assert picture.focus is None or most == 1 or picture.focus in {(node.column, node.name) for node in less.nodes}


@pytest.mark.parametrize("sources", SIZES)
def test_the_tables_say_what_the_picture_shows(sources: int) -> None:
    picture = made_up(sources)
    shown = view(picture)
    must_be_whole(picture, shown)
    tables, lines = sections(picture, shown), connections(picture, shown)
    rows = [row for table in tables for row in table.rows]
    assert [row.key for row in rows] == [box.key for box in shown.boxes]
    single = [row for row in rows if not row.members] + [one for row in rows for one in row.members]
    assert sorted(row.heads[0] for row in single) == sorted(node.label for node in picture.nodes)
    assert sum(int(row.documents.replace(",", "")) for row in single if row.documents[0].isdigit()) == sum(
        node.count.documents for node in picture.nodes
    )
    every = [one for row in lines for one in (row.members or (row,))]
    assert len(lines) == len(shown.lines)
    assert Counter(row.heads[1] for row in every).total() == len(picture.edges)
    assert sum(int(row.documents.replace(",", "")) for row in every) == sum(e.count.documents for e in picture.edges)


def test_the_path_is_drawn_first_and_the_rest_is_counted() -> None:
    picture = made_up(300)
    shown = view(picture)
    sources = [box for box in shown.boxes if box.column == "source"]
    assert [box.on_path for box in sources] == sorted((box.on_path for box in sources), reverse=True)
    assert len([box for box in sources if box.on_path and not box.folded]) == DRAWN_ON_PATH
    path, others = (box for box in sources if box.folded)
    assert path.stands_for == 225 - DRAWN_ON_PATH
    assert others.stands_for == 75
    every = sum(node.stands_for for node in picture.nodes)
    assert f"of {every:,} nodes are drawn one by one" in summary(picture, shown)
    assert len([box for box in view(made_up(300, asked=False)).boxes if box.column == "source"]) == DRAWN + 1


def test_small_graphs_are_drawn_whole() -> None:
    picture = made_up(3)
    assert not any(box.folded for box in view(picture).boxes)
    expected = f"All {len(picture.nodes)} nodes and {len(picture.edges)} connections are drawn one by one."
    assert summary(picture, view(picture)) == expected


def test_the_same_graph_gives_the_same_page() -> None:
    picture = made_up(40)
    turned = checked(replace(picture, edges=picture.edges[::-1]))
    assert lineage_page(turned, "bank") == lineage_page(picture, "bank")


def test_two_nodes_of_one_name_and_edges_to_nothing_are_refused() -> None:
    node = Node("source", "a", "a", Count())
    with pytest.raises(ValueError, match="same column and name"):
        checked(Picture("x", (node, node), ()))
    with pytest.raises(ValueError, match="ends at nothing"):
        checked(Picture("x", (node,), (Edge(("source", "a"), ("mix", "b"), "drawn", Count()),)))


def test_an_empty_graph_is_a_page_too() -> None:
    assert b"All 0 nodes and 0 connections" in lineage_page(Picture("the whole project", (), ()), "bank")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0 k"), (19_990, "19.9 k"), (999_999, "999 k"), (3_190_000, "3.1 M"),
     (4 * 10**15, "4,000 T")],
)  # fmt: skip
def test_large_numbers_are_cut(number: int, text: str) -> None:
    assert short(number) == text


def test_labels_cannot_turn_what_stands_beside_them() -> None:
    assert plain("a\u202eb\n\x00\ud800c") == "a\N{REPLACEMENT CHARACTER}b" + "\N{REPLACEMENT CHARACTER}" * 2 + "?c"
    assert plain("שלום <b>") == "שלום <b>"
