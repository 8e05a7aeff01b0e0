"""The trainings and evaluations of a study, each a request to `bench run`."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TrainingSetup:
    """Data, architecture and length of a training at the scale of its paper."""

    dataset: str
    model: str
    plan: str = ""  # `long` for the longer trainings of BAT, marked + there
    epochs: int | None = None  # None: those of its plan
    images: int | None = None  # None: all training images
    paper: str = ""  # the paper whose plan Standard is trained by

    def is_like(self, other: "TrainingSetup | None") -> bool:
        """Whether one smaller training stands in for both, which may differ in normalisation and paper only."""
        return other is not None and self.without_normaliser == other.without_normaliser

    @property
    def without_normaliser(self) -> "TrainingSetup":
        """The setup without normalisation and paper."""
        return replace(self, model=self.model.partition(".")[0], paper="")


@dataclass(frozen=True)
class StudyRun:
    """Recipes and how they are evaluated: one request to `bench run`.

    Radii (eps, sweep) and step sizes (`step=2px`) are in 1/255 on CIFAR-10. At other budgets than the paper's they are
    scaled with the radius of the data set.
    """

    methods: tuple[str, ...]
    attacks: tuple[str, ...] = ()
    eps: float = 8.0
    sweep: tuple[float, ...] = ()
    diagnostics: tuple[str, ...] = ()
    corruptions: tuple[str, ...] = ()
    transfer: bool = False
    crafter: str = ""  # architecture of a Standard model as an additional source of transfer
    exhibits: tuple[str, ...] = ()
    seeds: int = 1  # least number of seeds
    longer: bool = False  # trained twice as long as the budget, or by the paper's longer plan
    where: TrainingSetup | None = None  # None: data set and model of the user's request

    @property
    def cells(self) -> int:
        """Number of measurements, clean accuracy included."""
        models = len(self.methods) * self.seeds
        each = 1 + len(self.attacks) * max(1, len(self.sweep)) + 5 * len(self.corruptions) + 9 * len(self.diagnostics)
        return models * (each if not self.transfer else 1 + len(self.attacks) * (models + bool(self.crafter)))
