"""Ordered lists of decision rules for `init` and `wait-for-completion`; the first rule that matches decides.

A rule is a pure function of a state that its caller has read. It returns a `Decision`, which describes in
data what to record and what to do, or `None` if the rule does not apply. The last rule of each list always
returns a decision. Rules have no side effects, never block, and take the current time only from their state.

The engine evaluates the rules of `init` again after each decision, until one ends `init`. A step is either
recorded or done, and the next step follows from the state that is read after it. After a kill between two
steps, `init` therefore resumes without any special recovery.
"""
