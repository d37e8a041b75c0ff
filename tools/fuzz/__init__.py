"""Every reader of untrusted files, fed with mutated inputs by Atheris: ``make fuzz SECONDS=600``.

``targets`` is the table. For each target, ``readers`` calls the reader, ``seeds`` makes the files that
mutation starts from, and ``mutators`` changes them with knowledge of the format. ``contract`` judges one
input. ``child`` is the process that libFuzzer runs in, ``campaign`` starts these processes and adds up what
they did, ``report`` shows it.
"""
