"""The results that the five papers print, and what others published about the same recipes (external.csv).

One CSV a paper, one row a printed number. `value` is text, exactly as printed (7.4e3, 91.0); it is empty where a dash
is printed or where the number was lost when the PDF was read by machine ("extraction"), and `note` says which.
`epsilon` is on the [0, 1] scale. Four columns give the recipe, plan, view and source of a number in
this bench, and are empty if it has none here:

recipe: a registered name. Adversarial training as one of the papers trained it has that paper's tag (PGD-AT.m2at,
        PGD-AT.avmixup, PGD-AT.robmask, PGD-AT.7x2 of BAT); as Madry et al. or third parties did, it is PGD-AT. A quoted
        number belongs to the recipe of the paper that measured it. BAT Table 9 labels two pairs of rows alike; that
        the second pair is R-MC-LA9 is inferred from the text, and its notes begin with this word.
plan:   "long" for the 200 epochs of BAT's "+" rows and of its public code, whose README prints the results.
view:   which of the recipe's finished models. RobMask's Tables 5 and 6 cannot be of the main one, whose clean accuracy
        in Table 3 is far higher.
source: the recipe of the model that crafted the images, in transfer; on a VGG where `attack` says so.
"""
