"""The lifecycle as two ordered lists of rules, `init` and `wait`: the first that matches decides.

A rule is a pure function of a state that somebody else has read.  It answers with a `Decision`, which says
what to record and what to do, in data, or with `None` where it does not apply; the last rule of a list always
answers.  Neither list does anything, waits for anything, or knows what time it is but from its state.

`init` is asked again after each decision that does not end it: a step is either recorded or done, and the
next one follows from what is then seen.  So a kill between any two of them is a plain resume.
"""
