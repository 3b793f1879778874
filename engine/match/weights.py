"""About how many bytes what is held takes, as was measured: what `budget` and `memories` go by. Knows nothing of it."""

NODE = 400  # a partial match without its event: the node, its intervals, its key, its places in tables
EVENT = 1_000  # an event without its texts: its struct, its fields, its process
TEXT = 80  # a field beside its characters
COUNTED = 150  # an event that still counts, beside it
TALLY = 800  # what events come to for one value
MARK = 500  # a place, and when what must not happen last did there
VALUE = 200  # a combination of values that has been seen

EVERYBODY = "*"  # whose what is remembered of no single host is; no host has this name
