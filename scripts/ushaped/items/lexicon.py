"""The words that the replicas of all tasks draw from, written for this project.

The sayings are proverbs in the public domain, each cut before its last word.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    "Anna Boris Clara David Emma Felix Grace Henry Irene Jacob Karen Leo Maria Nadia Oscar "
    "Paula Quinn Rosa Simon Tessa Ursula Victor Wendy Yusuf Zora Amir Bella Carlos Dora Erik"
)

THINGS = _words(
    "boat rope lamp chair drum kite ladder bottle basket mirror hammer candle blanket bucket "
    "pencil wagon tent clock guitar camera helmet pillow shovel ticket wallet bell coin ring "
    "sword crown"
)

FOODS = _words("tea rice soup honey cheese bread salt coffee butter sugar")

CITIES = _words("Rome Cairo Lima Oslo Delhi Paris Tokyo Dublin Quito Athens")

JOBS = _words("nurse farmer pilot teacher baker judge singer tailor miner guard")

KINDS: dict[str, tuple[str, ...]] = {
    "bird": ("sparrow", "crow", "falcon", "swan", "parrot", "pigeon", "robin", "heron"),
    "fish": ("trout", "salmon", "shark", "tuna", "carp", "cod", "herring", "pike"),
    "tree": ("pine", "maple", "willow", "birch", "cedar", "poplar", "beech", "larch"),
    "gem": ("ruby", "diamond", "emerald", "sapphire", "opal", "garnet", "topaz", "pearl"),
    "fruit": ("cherry", "mango", "pear", "plum", "lemon", "banana", "peach", "melon"),
    "insect": ("beetle", "wasp", "moth", "termite", "cricket", "hornet", "mosquito", "locust"),
    "tool": ("chisel", "wrench", "saw", "drill", "spanner", "mallet", "rasp", "trowel"),
    "dance": ("waltz", "tango", "polka", "salsa", "mambo", "rumba", "foxtrot", "jig"),
}

KIND_OF = {member: kind for kind, members in KINDS.items() for member in members}

_SAYINGS = """
A rolling stone gathers no | moss
All that glitters is not | gold
Still waters run | deep
A stitch in time saves | nine
The early bird catches the | worm
Birds of a feather flock | together
Too many cooks spoil the | broth
Actions speak louder than | words
Honesty is the best | policy
Better late than | never
Out of sight, out of | mind
Many hands make light | work
Rome was not built in a | day
Haste makes | waste
Practice makes | perfect
Curiosity killed the | cat
Every cloud has a silver | lining
Where there is smoke there is | fire
Let sleeping dogs | lie
The pen is mightier than the | sword
When the cat is away the mice will | play
A bird in the hand is worth two in the | bush
Do not put all your eggs in one | basket
You cannot teach an old dog new | tricks
The apple does not fall far from the | tree
Strike while the iron is | hot
Beggars cannot be | choosers
Blood is thicker than | water
Fortune favours the | bold
Look before you | leap
Necessity is the mother of | invention
No news is good | news
Time and tide wait for no | man
Two wrongs do not make a | right
Where there is a will there is a | way
You reap what you | sow
Laughter is the best | medicine
Love is | blind
Money is the root of all | evil
One good turn deserves | another
The grass is greener on the other | side
There is no place like | home
Make hay while the sun | shines
Barking dogs seldom | bite
Great minds think | alike
Good fences make good | neighbours
A watched pot never | boils
Easy come, easy | go
""".strip()

SAYINGS: tuple[tuple[str, str], ...] = tuple(
    (stem.strip(), ending.strip())
    for stem, ending in (line.split("|") for line in _SAYINGS.splitlines())
)

ENDINGS = tuple(sorted({ending for _, ending in SAYINGS} | set(THINGS)))
