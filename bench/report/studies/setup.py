"""What a study trains, and what it evaluates: one request to `bench run` each."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TrainingSetup:
    """What models are trained on, and how long, at the scale of their paper."""

    dataset: str
    model: str
    plan: str = ""  # "long" for BAT's "+"
    epochs: int | None = None  # None: as its plan has it
    images: int | None = None  # None: all there are
    paper: str = ""  # as whose tables they are trained

    def is_like(self, other: "TrainingSetup | None") -> bool:
        """Whether one smaller training stands in for both: they may differ in the normaliser and in the paper."""
        return other is not None and self.without_normaliser == other.without_normaliser

    @property
    def without_normaliser(self) -> "TrainingSetup":
        """The same for any way of normalising images, and any paper."""
        return replace(self, model=self.model.partition(".")[0], paper="")


@dataclass(frozen=True)
class StudyRun:
    """Recipes, and what they are judged under: one request to `bench run`.

    Lengths are in 1/255, those of CIFAR-10: eps, sweep, and the step of an attack, which is written `step=2px`. At
    other budgets than the paper's they are scaled as the radius of the data set is.
    """

    methods: tuple[str, ...]
    attacks: tuple[str, ...] = ()
    eps: float = 8.0
    sweep: tuple[float, ...] = ()
    diagnostics: tuple[str, ...] = ()
    corruptions: tuple[str, ...] = ()
    transfer: bool = False
    crafter: str = ""  # architecture of a Standard model on which images are crafted too
    exhibits: tuple[str, ...] = ()
    seeds: int = 1  # at least so many
    longer: bool = False  # trained twice as long as the budget says, or by the paper's longer plan
    where: TrainingSetup | None = None  # None: where the user says

    @property
    def cells(self) -> int:
        """How many measurements it asks for, clean accuracy included."""
        models = len(self.methods) * self.seeds
        each = 1 + len(self.attacks) * max(1, len(self.sweep)) + 5 * len(self.corruptions) + 9 * len(self.diagnostics)
        return models * (each if not self.transfer else 1 + len(self.attacks) * (models + bool(self.crafter)))
