"""The intake guard: a blowing fan is raised by gas only while its inlet draws better air (limits reference 7.1, 6)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal, NamedTuple

from alerts.graph import MineGraph
from alerts.model import Finding, Priority
from alerts.protocols.air import FiguresOf, reading, sensors_in
from gateway.domain.moment import Moment
from gateway.domain.quantities import QUANTITIES, unit_of
from gateway.domain.site import Actuator, Site

Intake = Literal["clean", "contaminated", "not_watched"]
TRACE_STEPS: Final = 3
"""Within three steps of its resolution a cell reads its rest value (limits reference 6.5): no gas at the intake."""
NOT_WATCHED_WORDS: Final = "entrada de aire sin vigilancia"


class IntakeState(NamedTuple):
    """What is known of a blowing fan's inlet; guard: the sensor that says so, value in its canonical unit."""

    state: Intake
    guard: int | None = None
    value: float | None = None
    limit: float | None = None


class IntakeGuards:
    """The guards of every blowing fan: those upstream of its zones or in them, else every guard of the site."""

    def __init__(self, site: Site, graph: MineGraph, warning: Mapping[str, float]) -> None:
        """warning: a guard's Warning rung by sensor id [canonical unit], to act before its alarm does."""
        self._site = site
        self._warning = warning
        every = tuple(i for i, s in enumerate(site.sensors) if s.role == "intake_guard")
        self._guards: dict[str, tuple[int, ...]] = {}
        for fan in site.actuators:
            near = set(fan.zones).union(*(graph.upstream(zone) for zone in fan.zones))
            own = tuple(i for i in every if site.sensors[i].zone in near)
            self._guards[fan.id] = () if fan.mode != "blowing" else own or every
        guarded = {site.sensors[i].quantity for i in every}
        self._inside = {
            fan.id: {quantity: sensors_in(site, fan.zones, [quantity]) for quantity in guarded}
            for fan in site.actuators
        }

    def judge(
        self, fan: Actuator, moment: Moment, alarmed: Collection[str], figures_of: FiguresOf, demanded: Iterable[str]
    ) -> IntakeState:
        """Whether the fan's inlet is below Warning, and below the heading in every demanded quantity it guards.

        alarmed: ids of the sensors with an alarm of Warning or above.
        """
        worst = IntakeState("clean")
        quantities = frozenset(demanded)
        watched = False
        for i in self._guards[fan.id]:
            guard = self._site.sensors[i]
            now = reading(guard, figures_of(i), moment.now_us)
            watched = watched or now.good
            warning = self._warning.get(guard.id)
            limits = [limit for limit in (warning, self._heading(fan, guard.quantity, quantities, moment, figures_of))
                      if limit is not None]  # fmt: skip
            over = now.usable and any(now.value >= limit for limit in limits)
            if over or guard.id in alarmed:
                worst = IntakeState("contaminated", i, now.value if now.usable else None, min(limits, default=None))
        if worst.state == "clean" and not watched:
            return IntakeState("not_watched", *self._guards[fan.id][:1])
        return worst

    def _heading(
        self, fan: Actuator, quantity: str, demanded: frozenset[str], moment: Moment, figures_of: FiguresOf
    ) -> float | None:
        """What the heading itself reads of the guard's gas, if that gas is what calls for air; None if unknown."""
        if quantity not in demanded:
            return None
        inside = self._inside[fan.id].get(quantity, ())
        found = (reading(self._site.sensors[i], figures_of(i), moment.now_us) for i in inside)
        best = max((now.value for now in found if now.usable), default=None)
        return None if best is None else max(best, TRACE_STEPS * QUANTITIES[quantity].resolution)

    def finding(self, intake: IntakeState) -> Finding | None:
        """`intake_contaminated` of the guard: High while a demanded fan is held for it."""
        if intake.guard is None:
            return None
        guard = self._site.sensors[intake.guard]
        return Finding(
            guard.id, "intake_contaminated", True if intake.state == "contaminated" else None, guard.zone,
            Priority.HIGH, guard.id, intake.value, intake.limit, unit_of(guard.quantity),
            reason="the fan was not raised", source="Limits reference 7.1 (6) [D]",
        )  # fmt: skip

    def cleared(
        self, moment: Moment, alarmed: Collection[str], figures_of: FiguresOf, held: Collection[str]
    ) -> list[Finding]:
        """`intake_contaminated` of every guard that holds no fan now: gone only where the guard itself reads well."""
        findings = []
        for i in sorted({i for guards in self._guards.values() for i in guards}):
            guard = self._site.sensors[i]
            if guard.id in held:
                continue
            now = reading(guard, figures_of(i), moment.now_us)
            below = now.good and guard.id not in alarmed and now.value < self._warning.get(guard.id, float("inf"))
            findings.append(
                Finding(guard.id, "intake_contaminated", False if below else None, guard.zone, Priority.HIGH, guard.id)
            )
        return findings
