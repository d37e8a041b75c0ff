"""Fuzz every reader of untrusted files with Atheris: ``make fuzz SECONDS=600``.

``targets`` is the table. For each target, ``readers`` calls the reader, ``seeds`` generates the initial
files, and ``mutators`` changes them according to their format. ``contract`` checks the outcome of one input.
``child`` is the process in which libFuzzer runs, ``campaign`` starts these processes and adds up their
counters, and ``report`` formats the result.
"""
