"""Receipts: whatever holds, passes on and unites them, each settles exactly once, and only when nothing is left."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pyrolens.delivery.receipt import Receipt, united


class Model(RuleBasedStateMachine):
    """Batches against what is left of each to be done. A hold is worth one `work`, whoever has it."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Receipt] = []
        self.work: list[tuple[Receipt, set[int]]] = []
        """Receipts to release, and the batches that wait for that."""
        self.settled: list[int] = []
        self.told: list[int] = []
        self.born: list[Receipt] = []
        """All receipts, in the order in which they were made."""

    def settles(self, number: int) -> None:
        self.settled.append(number)

    @rule(firm=st.booleans())
    def take_in(self, firm: bool) -> None:
        number = len(self.made)
        receipt = Receipt(number, lambda _: self.settles(number), firm=firm)
        receipt.then(lambda: self.told.append(number))
        self.made.append(receipt)
        self.born.append(receipt)
        self.work.append((receipt, {number}))

    @precondition(lambda self: self.work)
    @rule(data=st.data())
    def hold(self, data: st.DataObject) -> None:
        receipt, waiting = data.draw(st.sampled_from(self.work))
        receipt.hold()
        self.work.append((receipt, waiting))

    @precondition(lambda self: self.work)
    @rule(data=st.data())
    def unite(self, data: st.DataObject) -> None:
        """Lines of several batches became one record."""
        some = data.draw(st.lists(st.sampled_from(self.work), min_size=1, max_size=4))
        receipts = [receipt for receipt, _ in some]
        one = united(receipts)
        assert one.firm is any(receipt.firm for receipt in receipts), "none of them is told too early"
        assert one.theirs is all(receipt.theirs for receipt in receipts), "none of them is forgotten"
        if one not in self.born:
            self.born.append(one)
        self.work.append((one, set().union(*(waiting for _, waiting in some))))

    @precondition(lambda self: len(self.work) > 1)
    @rule(data=st.data())
    def carry(self, data: st.DataObject) -> None:
        """What was remembered of a batch goes on with a later one."""
        remembered, waits = self.work.pop(data.draw(st.integers(0, len(self.work) - 1)))
        later = [one for one in self.work if self.born.index(one[0]) > self.born.index(remembered)]
        if not later:
            remembered.release()
            return
        receipt, waiting = data.draw(st.sampled_from(later))
        firm, theirs = remembered.firm, remembered.theirs
        receipt.carry(remembered)
        assert receipt.firm or not firm
        assert theirs or not receipt.theirs
        for _, others in [one for one in self.work if one[0] is receipt]:
            others |= waits
        waiting |= waits

    @precondition(lambda self: self.work)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        receipt, _ = self.work.pop(data.draw(st.integers(0, len(self.work) - 1)))
        receipt.release()

    @invariant()
    def each_settles_once_and_in_time(self) -> None:
        left = set().union(*(waiting for _, waiting in self.work))
        assert len(set(self.settled)) == len(self.settled), "once"
        assert not left & set(self.settled), "not before all of it is done"
        assert self.told == self.settled

    def teardown(self) -> None:
        for receipt, _ in self.work:
            receipt.release()
        assert sorted(self.settled) == list(range(len(self.made))), "all of them in the end"


TestReceipts = Model.TestCase
TestReceipts.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
