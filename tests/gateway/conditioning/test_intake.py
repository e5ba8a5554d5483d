"""Every pack once, and acknowledgement up to where nothing is missing."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.conditioning.intake import ALL_BOOTS, BOOTS, NODES, RANGES, Intake
from gateway.domain.moment import NO_TIME, Moment

S = 1_000_000
HERE = {place: place for place in range(8)}
"""Where sensors stand in a site file that nobody changed."""


def at(seconds: float) -> Moment:
    return Moment(round(seconds * S), round(seconds * S))


def test_in_order_from_zero_or_one_every_pack_moves_the_point() -> None:
    for first in (0, 1):
        intake = Intake()
        for seq in range(first, 5):
            assert intake.accept(at(seq), "n", 1, seq)
            assert intake.ack_points(at(seq)) == [("n", 1, seq)]
        assert intake.ack_points(at(9)) == []


def test_a_duplicate_is_refused_and_its_sender_told_again() -> None:
    intake = Intake()
    intake.accept(at(0), "n", 1, 1)
    intake.accept(at(1), "n", 1, 2)
    intake.ack_points(at(1))
    assert not intake.accept(at(31), "n", 1, 1)
    assert intake.ack_points(at(31)) == [("n", 1, 2)]
    assert intake.ack_points(at(32)) == []


def test_a_gap_holds_the_point_until_it_is_filled() -> None:
    intake = Intake()
    for seq in (1, 2, 5, 6):
        assert intake.accept(at(seq), "n", 1, seq)
    assert intake.ack_points(at(6)) == [("n", 1, 2)]
    assert intake.accept(at(30), "n", 1, 3)
    assert intake.ack_points(at(30)) == [("n", 1, 3)]
    assert intake.accept(at(30), "n", 1, 4)
    assert intake.ack_points(at(30)) == [("n", 1, 6)]


def test_a_gap_is_given_up_when_the_node_speaks_from_above_it_35_s_later() -> None:
    intake = Intake()
    for seq in (1, 4):
        intake.accept(at(0), "n", 1, seq)
    assert intake.ack_points(at(0)) == [("n", 1, 1)]
    intake.accept(at(34), "n", 1, 5)
    assert intake.ack_points(at(34)) == []
    intake.accept(at(35), "n", 1, 6)
    assert intake.ack_points(at(35)) == [("n", 1, 6)]
    # what comes after all is taken once
    assert intake.accept(at(40), "n", 1, 2)
    assert not intake.accept(at(41), "n", 1, 2)
    assert intake.ack_points(at(41)) == [("n", 1, 6)]


def test_a_repetition_from_above_shows_it_too() -> None:
    intake = Intake()
    intake.accept(at(0), "n", 1, 7)
    assert intake.ack_points(at(0)) == []
    assert not intake.accept(at(30), "n", 1, 7)
    assert intake.ack_points(at(30)) == []
    assert not intake.accept(at(60), "n", 1, 7)
    assert intake.ack_points(at(60)) == [("n", 1, 7)]


def test_a_node_that_was_away_gets_its_35_s_again() -> None:
    # 2 and 3 were lost on the way, then the node lost its link for an hour: it still holds them
    intake = Intake()
    intake.accept(at(0), "n", 1, 1)
    intake.accept(at(1), "n", 1, 4)
    intake.accept(at(3600), "n", 1, 5)
    assert intake.ack_points(at(3600)) == [("n", 1, 1)]
    assert intake.accept(at(3601), "n", 1, 2)
    assert intake.accept(at(3601), "n", 1, 3)
    assert intake.ack_points(at(3601)) == [("n", 1, 5)]


def test_a_pack_from_within_a_gap_does_not_give_up_what_is_missing_beside_it() -> None:
    intake = Intake()
    intake.accept(at(0), "n", 1, 1)
    intake.accept(at(1), "n", 1, 6)
    intake.accept(at(33), "n", 1, 2)
    intake.accept(at(37), "n", 1, 3)
    assert intake.ack_points(at(37)) == [("n", 1, 3)]
    intake.accept(at(37), "n", 1, 4)
    intake.accept(at(37), "n", 1, 5)
    assert intake.ack_points(at(37)) == [("n", 1, 6)]


def test_nodes_and_boots_count_for_themselves() -> None:
    intake = Intake()
    for node in ("a", "b"):
        for boot in (1, 2):
            assert intake.accept(at(0), node, boot, 1)
    assert intake.ack_points(at(0)) == [("a", 1, 1), ("a", 2, 1), ("b", 1, 1), ("b", 2, 1)]


def test_an_overtaken_pack_is_history() -> None:
    intake = Intake()
    assert not intake.overtaken("n", 1, 5)
    intake.accept(at(0), "n", 1, 5)
    assert intake.overtaken("n", 1, 4)
    assert not intake.overtaken("n", 1, 6)
    intake.accept(at(9), "n", 2, 1)
    assert intake.overtaken("n", 1, 6)
    # a wiped node counts its boots from the beginning: it is heard all the same
    assert not intake.overtaken("n", 0, 1)


def test_samples_without_counters_are_known_by_time_and_value() -> None:
    intake = Intake()
    assert intake.accept_sample(3, 10, 5.0)
    assert not intake.accept_sample(3, 10, 5.0)
    assert intake.accept_sample(4, 10, 5.0)
    assert intake.accept_sample(3, 10, 500.0)  # a clock that stands must not hide what comes
    assert intake.accept_sample(3, NO_TIME, 5.0)
    assert intake.accept_sample(3, NO_TIME, 5.0)


def test_memory_is_bounded() -> None:
    intake = Intake()
    for number in range(NODES + 50):
        intake.accept(at(number), f"n{number}", 1, 1)
    for boot in range(BOOTS + 5):
        intake.accept(at(2000), "x", boot, 1)
    for seq in range(0, 4 * RANGES, 2):
        intake.accept(at(3000), "gaps", 1, seq)
    state = intake.dump()
    assert len(state["nodes"]) == NODES
    kept = dict(state["nodes"])
    assert len(kept["x"]) == BOOTS
    assert len(kept["gaps"][0][3]) == RANGES
    # the lowest gaps were given up for the bound: acknowledged, and never taken again
    assert ("gaps", 1, 4 * RANGES - 2 * RANGES) in intake.ack_points(at(3000))
    assert not intake.accept(at(3000), "gaps", 1, 1)


def test_boots_of_all_nodes_together_are_bounded_too() -> None:
    intake = Intake()
    nodes = [f"n{number}" for number in range(ALL_BOOTS // BOOTS + 2)]
    for node in nodes:
        for boot in range(BOOTS):
            intake.accept(at(boot), node, boot, 1)
    kept = {node: len(boots) for node, boots in intake.dump()["nodes"]}
    assert sum(kept.values()) == ALL_BOOTS
    assert nodes[0] not in kept, "who is unheard for longest is forgotten first"
    assert kept[nodes[-1]] == BOOTS


def test_a_node_with_bad_power_is_known_again_by_every_boot_of_72_hours() -> None:
    intake = Intake()
    packs = [(boot, seq) for boot in range(1, BOOTS + 1) for seq in (1, 2, 3)]
    for boot, seq in packs:
        assert intake.accept(at(boot * 60 + seq), "n", boot, seq)
    assert not any(intake.accept(at(BOOTS * 60 + 60), "n", boot, seq) for boot, seq in packs)


def test_a_forgotten_boot_does_not_make_what_comes_history() -> None:
    live, restored = Intake(), Intake()
    for boot in range(BOOTS):
        live.accept(at(0), "n", boot, 1)
    live.accept(at(5), "n", BOOTS, 1)  # the newest, and then the one that is unheard for longest
    for boot in range(1, BOOTS):
        live.accept(at(6), "n", boot, 2)
    live.accept(at(7), "n", BOOTS + 1, 1)
    restored.load(live.dump(), HERE)
    for boot in (1, BOOTS, BOOTS + 1):
        assert live.overtaken("n", boot, 9) == restored.overtaken("n", boot, 9)


def test_a_snapshot_of_the_first_versions_is_taken_up() -> None:
    intake = Intake()
    intake.load({"nodes": [], "samples": [[3, [[10, 5.0], [12, 6.0]]]], "to_tell": []}, HERE)
    assert not intake.accept_sample(3, 12, 6.0)
    assert intake.accept_sample(3, 11, 5.0)


def test_known_samples_go_with_their_sensor_when_the_site_file_changes() -> None:
    intake, later = Intake(), Intake()
    for sensor in (0, 1, 2):
        intake.accept_sample(sensor, 10, float(sensor))
    later.load(intake.dump(), {1: 0, 2: 1})  # the first sensor was taken out
    assert [later.accept_sample(0, 10, 1.0), later.accept_sample(1, 10, 2.0)] == [False, False]
    assert [later.accept_sample(0, 10, 0.0), later.accept_sample(2, 10, 2.0)] == [True, True]


def test_a_time_that_cannot_be_is_none() -> None:
    intake = Intake()
    assert all(intake.accept_sample(3, source_us, 5.0) for source_us in (2**63, 2**63, -(2**70)))


counted = st.tuples(st.integers(1, 40), st.integers(0, 6))
timed = st.tuples(st.integers(0, 2), st.integers(0, 30), st.sampled_from([0.0, 2.5, 900.0]))


@settings(max_examples=100, deadline=None)
@given(packs=st.lists(counted | timed, min_size=1, max_size=80), again=st.data())
def test_any_part_that_comes_again_in_any_order_is_known(packs: list[tuple[int, ...]], again: st.DataObject) -> None:
    def takes(intake: Intake, pack: tuple[int, ...]) -> bool:
        return intake.accept(at(1), "n", *pack) if len(pack) == 2 else intake.accept_sample(*pack)

    intake, restored = Intake(), Intake()
    taken = [pack for pack in packs if takes(intake, pack)]
    assert sorted(taken, key=repr) == sorted(set(packs), key=repr), "each once, and what differs stays"
    restored.load(msgspec.msgpack.decode(msgspec.msgpack.encode(intake.dump())), HERE)
    repeated = again.draw(st.lists(st.sampled_from(packs), max_size=60))
    assert not any(takes(one, pack) for one in (intake, restored) for pack in repeated)


class Naive:
    """Sets and a walk from the bottom."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.gone: set[int] = set()
        self.missed: dict[int, float] = {}  # missing number → when it was missed
        self.heard: float | None = None
        self.point: int | None = None

    def accept(self, now: float, seq: int) -> bool:
        if self.heard is not None and now - self.heard > 35:
            self.missed = dict.fromkeys(self.missed, now)
        self.heard = now
        new = seq not in self.seen
        if new:
            for lower in range(1, seq):
                if lower not in self.seen and lower not in self.gone:
                    self.missed.setdefault(lower, now)
            self.seen.add(seq)
            self.missed.pop(seq, None)
        # from the bottom: a run of missing numbers is given up when it is old and this pack is from above it
        walk = 1
        while walk <= max(self.seen):
            if walk in self.seen or walk in self.gone:
                walk += 1
                continue
            run = []
            while walk not in self.seen:
                run.append(walk)
                walk += 1
            if seq < walk or now - min(self.missed[n] for n in run if n in self.missed) < 35:
                walk = run[0]
                break
            self.gone |= set(run)
        covered = walk - 1
        if covered >= 1 or 0 in self.seen:
            self.point = max(covered, 0) if self.point is None else max(self.point, covered)
        return new


arrivals = st.lists(
    st.tuples(st.integers(0, 14), st.sampled_from([0.0, 0.5, 5.0, 20.0, 34.0, 36.0, 100.0])), max_size=40
)


@settings(max_examples=300, deadline=None)
@given(run=arrivals, cut=st.integers(0, 40))
def test_it_agrees_with_a_naive_model_also_over_a_restart(run: list[tuple[int, float]], cut: int) -> None:
    intake, naive = Intake(), Naive()
    now, told = 0.0, None
    for number, (seq, wait) in enumerate(run):
        if number == cut:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(intake.dump()))
            intake = Intake()
            intake.load(state, HERE)
        now += wait
        assert intake.accept(at(now), "n", 1, seq) == naive.accept(now, seq)
        points = intake.ack_points(at(now))
        if points:
            told = points[0][2]
        assert told == naive.point


@settings(max_examples=150, deadline=None)
@given(run=arrivals)
def test_a_point_never_goes_back_and_covers_only_what_came_or_was_long_missed(run: list[tuple[int, float]]) -> None:
    intake = Intake()
    now, best, taken = 0.0, -1, set()
    for seq, wait in run:
        now += wait
        assert intake.accept(at(now), "n", 1, seq) == (seq not in taken)
        taken.add(seq)
        for _, _, point in intake.ack_points(at(now)):
            assert point >= best
            assert point in taken
            best = point
            if now < 35:
                assert set(range(1, point + 1)) <= taken
