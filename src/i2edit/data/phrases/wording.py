"""How people name each attribute: the words that every split shares (sentence frames are what is split, see bank/).

Per value: ``n`` bare nouns ("less {n}", "the {n}"), ``np`` with article or adjective ("give me {np}"), ``adj`` ("make me
{adj}"), ``vps`` what the person in the picture does ("make her {vps}"), ``vpe`` what the editor does ("please {vpe}"). One entry a line; ``{me}``/``{my}`` become me/her/him/... and my/her/...
"""

from __future__ import annotations

Wording = dict[str, tuple[str, ...]]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.replace(" | ", "\n").splitlines() if line.strip())


def _word(n: str, np: str = "", adj: str = "", vps: str = "", vpe: str = "") -> Wording:
    return {"n": _lines(n), "np": _lines(np), "adj": _lines(adj), "vps": _lines(vps), "vpe": _lines(vpe)}


WORDING: dict[str, Wording] = {
    "smiling": _word(
        n="smile | grin | smile | smiling | smirk | happy face | happy expression | smiling face | happy look | laugh",
        np="a smile | a grin | a big smile | a nice smile | a warm smile | a happy face | a happy expression | a smiling face | a happy look | a bright smile | a friendly smile | a wide grin | a cheeky grin | a laugh",
        adj="happy | cheerful | happier | joyful | smiley | more cheerful | delighted | jolly | pleased | amused | glad",
        vps="smile | grin | look happy | look cheerful | laugh | beam | crack a smile | cheer up | seem happy | show a smile | look happier | smirk | look like i am smiling",
        vpe="put a smile on {my} face | turn that frown upside down | turn {my} mouth corners up | change {my} expression to smiling | set the expression to smiling | paint a smile on {me}",
    ),
    "angry": _word(
        n="scowl | angry face | anger | angry look | angry expression | glare | cross look",
        np="an angry face | an angry look | a scowl | an angry expression | a furious look | a cross face | a mean look | a glare | a mad face",
        adj="angry | mad | furious | cross | angrier | pissed off | annoyed | enraged | really cross | irritated | grumpy",
        vps="look angry | scowl | look mad | look furious | glare | look cross | get angry | seem angry | look pissed | frown angrily | look annoyed",
        vpe="put an angry look on {my} face | change {my} expression to angry | set the expression to angry",
    ),
    "sad": _word(
        n="sad face | sadness | sad look | sad expression | frown | gloomy look",
        np="a sad face | a sad look | a sad expression | a gloomy face | an unhappy look | a frown | a melancholic look | a tearful look | a sad frown",
        adj="sad | unhappy | gloomy | sadder | miserable | melancholic | heartbroken | depressed | sorrowful",
        vps="look sad | frown | look unhappy | look gloomy | cry | look miserable | seem sad | look heartbroken | look like crying",
        vpe="put a sad look on {my} face | change {my} expression to sad | set the expression to sad | turn {my} mouth corners down",
    ),
    "no smiling": _word(
        n="straight face | neutral expression | serious face | poker face | neutral face | serious look | neutral look | deadpan",
        np="a straight face | a neutral expression | a serious face | a serious look | a poker face | a neutral face | a neutral look | no smile | a blank expression | a serious expression",
        adj="serious | more serious | neutral | deadpan | stern | expressionless | straight-faced | less smiley",
        vps="stop smiling | look serious | keep a straight face | stop grinning | look neutral | not smile | quit smiling | close {my} mouth and look serious | stop laughing | be serious",
        vpe="wipe that smile off {my} face | get rid of the grin | get rid of the smile | remove the smile | take the smile away | lose the smile | wipe the grin off | set the expression to neutral | remove that grin | take off the smile | drop the smile | erase the smile | make the smile go away",
    ),
    "brown hair": _word(
        n="brown hair | brunette hair | chestnut hair | brown | brunette | brown hair color | brunette look | chestnut color | chocolate brown hair | chestnut",
        np="brown hair | brunette hair | chestnut hair | chestnut brown hair | chocolate brown hair | a brown hair color | some brown hair | hazelnut brown hair",
        adj="brunette | brown-haired | chestnut haired",
        vps="have brown hair | be a brunette | go brunette | go brown | become a brunette | turn brunette",
        vpe="dye {my} hair brown | color {my} hair brown | make {my} hair brown | turn {my} hair brown | paint {my} hair chestnut | change {my} hair to brown | make {my} hair chestnut | switch {my} hair color to brown | tint {my} hair brown | set the hair color to brown | change the hair color to brunette",
    ),
    "blond hair": _word(
        n="blond hair | blonde hair | blond | blonde | golden hair | platinum hair | platinum blonde | fair hair | blonde locks | golden locks | platinum | blond hair color",
        np="blond hair | blonde hair | golden hair | platinum blonde hair | fair hair | some blond hair | golden blond hair | platinum hair | golden locks | a blond hair color",
        adj="blond | blonde | a blonde | blond-haired | fair-haired | blonder",
        vps="have blond hair | be a blonde | go blonde | become blond | turn blond | go platinum",
        vpe="dye {my} hair blond | color {my} hair blonde | make {my} hair blond | turn {my} hair golden | bleach {my} hair | change {my} hair to blond | make {my} hair blonde | go platinum on {my} hair | set the hair color to blond | switch {my} hair color to blond | lighten {my} hair to blond",
    ),
    "black hair": _word(
        n="black hair | raven hair | black | jet black hair | raven black hair | black hair color | jet black | raven | ebony hair",
        np="black hair | raven hair | jet black hair | raven black hair | a black hair color | some black hair | ebony hair | deep black hair",
        adj="black-haired | raven-haired",
        vps="have black hair | have raven black hair | go black with the hair | have raven hair | go jet black",
        vpe="dye {my} hair black | color {my} hair black | make {my} hair black | turn {my} hair black | paint {my} hair jet black | change {my} hair to black | switch {my} hair color to black | make {my} hair raven | set the hair color to black | tint {my} hair black",
    ),
    "gray hair": _word(
        n="gray hair | grey hair | silver hair | gray | grey | silver | salt-and-pepper hair | gray hair color | salt and pepper",
        np="gray hair | grey hair | silver hair | salt-and-pepper hair | some gray hair | a gray hair color | silvery hair | some grey hairs | silver gray hair",
        adj="gray-haired | grey-haired | silver-haired | gray | grey",
        vps="have gray hair | go gray | go grey | have silver hair | go silver | turn grey",
        vpe="dye {my} hair gray | color {my} hair silver | make {my} hair gray | turn {my} hair grey | change {my} hair to gray | make {my} hair silver | switch {my} hair color to grey | set the hair color to gray | make {my} hair salt and pepper | tint {my} hair silver",
    ),
    "straight hair": _word(
        n="straight hair | sleek hair | straightened hair | straight locks | smooth straight hair | straight hairstyle",
        np="straight hair | sleek straight hair | straightened hair | a straight hairstyle | smooth straight hair | sleek hair | poker straight hair",
        adj="straight-haired",
        vps="have straight hair | wear {my} hair straight",
        vpe="straighten {my} hair | make {my} hair straight | iron {my} hair straight | flat iron {my} hair | make {my} hair sleek | uncurl {my} hair | turn {my} hair straight | make the hair straighter",
    ),
    "wavy hair": _word(
        n="wavy hair | curls | waves | curly hair | wavy locks | beach waves | curl | wavy hairstyle | soft waves | perm | ringlets",
        np="wavy hair | curls | curly hair | some curls | waves | some waves | beach waves | a wavy hairstyle | loose waves | soft curls | big curls | a perm",
        adj="curly | wavy | curly-haired | wavy-haired | curlier",
        vps="have curly hair | have wavy hair | get curls | have waves",
        vpe="curl {my} hair | make {my} hair wavy | make {my} hair curly | put waves in {my} hair | give {my} hair some curls | perm {my} hair | turn {my} hair wavy | add waves to {my} hair | add curls to {my} hair | make the hair curlier | style {my} hair in waves",
    ),
    "receding hairline": _word(
        n="receding hairline | high forehead | receding hair | balding look | higher hairline | thinning hairline",
        np="a receding hairline | a higher hairline | a high forehead | receding hair | a balding forehead | a thinning hairline | a receding hair line",
        adj="balding | bald in front | thin on top",
        vps="have a receding hairline | go bald at the front | be balding",
        vpe="push {my} hairline back | move {my} hairline back | move {my} hairline further back | set {my} hairline further back | raise {my} hairline | make {my} hairline recede | make {my} hairline higher | thin out {my} hairline",
    ),
    "sideburns": _word(
        n="sideburns | mutton chops | side burns | sideburn | side whiskers | muttonchops | chops",
        np="sideburns | some sideburns | long sideburns | mutton chops | a pair of sideburns | thick sideburns | elvis sideburns | side burns | side whiskers",
        vps="have sideburns | grow sideburns | wear sideburns | grow mutton chops | rock some sideburns",
        vpe="add sideburns to {my} face | put sideburns on {me} | let {my} sideburns grow | extend {my} sideburns | make {my} sideburns longer",
    ),
    "bangs": _word(
        n="bangs | fringe | a fringe | full fringe | hair bangs | curtain bangs | front bangs | fringes",
        np="bangs | a fringe | some bangs | full bangs | a full fringe | side-swept bangs | curtain bangs | thick bangs | a short fringe | a set of bangs",
        vps="have bangs | wear bangs | have a fringe | get bangs | wear a fringe",
        vpe="cut {my} hair into bangs | add bangs to {my} hair | put bangs on {me} | cut {me} a fringe | cover {my} forehead with bangs | cut {my} bangs | add a fringe to {my} hair | style {my} hair with bangs",
    ),
    "mustache": _word(
        n="mustache | moustache | 'stache | stache | mustaches | tash | 'tache | handlebar mustache",
        np="a mustache | a moustache | a thick mustache | some mustache | a stache | a nice moustache | a handlebar mustache | a pencil moustache",
        adj="mustached | mustachioed",
        vps="have a mustache | wear a mustache | grow a mustache | grow a moustache | rock a stache | sport a moustache",
        vpe="put a mustache on {me} | add a moustache to {my} face | draw {me} a mustache | let {me} grow a moustache | stick a mustache under {my} nose",
    ),
    "goatee": _word(
        n="goatee | chin beard | goatee beard | goaty | goattee | chin hair | beard on the chin",
        np="a goatee | a chin beard | a goatee beard | a little goatee | a nice goatee | some chin hair | a beard on the chin | a small chin beard",
        adj="goateed",
        vps="have a goatee | grow a goatee | wear a goatee | grow a chin beard | rock a goatee | sport a goatee",
        vpe="put a goatee on {me} | add a goatee to {my} chin | draw {me} a goatee | let {me} grow a goatee | put a beard on {my} chin",
    ),
    "no makeup": _word(
        n="bare face | natural look | no makeup look | no makeup | makeup-free face | natural face | bare skin",
        np="no makeup | a bare face | a natural look | a makeup-free face | no make-up | no make up at all | no makeup look | a face without makeup | zero makeup",
        adj="makeup-free | bare-faced | unmade-up",
        vps="wear no makeup | go bare faced | go makeup free | go without makeup | go natural without makeup",
        vpe="take off the make-up | remove the makeup | remove all makeup | wash {my} makeup off | wipe off the makeup | clean the makeup off {my} face | get rid of the makeup | strip off all the makeup | take {my} makeup off | lose the makeup | take off all the makeup | remove {my} make up",
    ),
    "heavy makeup": _word(
        n="heavy makeup | full glam | full face | full face of makeup | heavy make-up | glam makeup | thick makeup | glam look",
        np="heavy makeup | full glam | a full face of makeup | a full face | lots of makeup | a glam look | heavy make-up | tons of makeup | a heavy makeup look | thick makeup | dramatic makeup | a ton of make up | a lot of makeup",
        adj="heavily made up | all glammed up | glammed up | made up",
        vps="wear heavy makeup | have heavy makeup | go full glam | wear lots of makeup | wear a full face | wear a lot of make-up",
        vpe="put heavy makeup on {me} | do a full face on {me} | put tons of makeup on {me} | glam {me} up | cake on the makeup | apply heavy makeup | doll {me} up | put on a full face of makeup",
    ),
    "lipstick": _word(
        n="lipstick | lip color | lip colour | red lips | red lipstick | lippy | lip gloss | lipsticks | pink lipstick",
        np="lipstick | some lipstick | red lipstick | a beautiful lip color | red lips | a nice lip colour | bright lipstick | pink lipstick | a lip color | bold lipstick | some lippy | lip gloss",
        vps="wear lipstick | have lipstick on | wear red lipstick | wear some lipstick | have red lips",
        vpe="put lipstick on {me} | paint {my} lips red | put some lipstick on | apply lipstick | color {my} lips | make {my} lips red | make {my} lips redder | put on some red lipstick | paint {my} lips | apply some lip color",
    ),
    "earrings": _word(
        n="earrings | ear rings | earring | hoops | studs | hoop earrings | ear studs | earings",
        np="earrings | some earrings | big earrings | hoop earrings | a pair of earrings | gold earrings | pearl earrings | nice earrings | hoops | silver earrings | ear rings | diamond studs",
        vps="wear earrings | have earrings | have earrings in | wear hoops | wear a pair of earrings",
        vpe="put earrings on {me} | add earrings to {my} ears | hang earrings on {my} ears | put some earrings in {my} ears | decorate {my} ears with earrings | pierce {my} ears",
    ),
    "bushy eyebrows": _word(
        n="bushy eyebrows | thick eyebrows | thick brows | bushy brows | fuller eyebrows | full brows | bushier brows | big eyebrows",
        np="bushy eyebrows | thick eyebrows | thicker eyebrows | bushy brows | fuller brows | thick brows | bushier eyebrows | big eyebrows | full eyebrows | bold brows",
        adj="bushy-browed",
        vps="have bushy eyebrows | have thick eyebrows | have fuller brows",
        vpe="make {my} eyebrows bushy | thicken {my} eyebrows | make {my} brows thicker | make {my} eyebrows bushier | fill in {my} brows | bush up {my} eyebrows | let {my} eyebrows grow | make {my} eyebrows fuller",
    ),
    "big lips": _word(
        n="big lips | full lips | fuller lips | plump lips | plumper lips | bigger lips | pouty lips | thick lips | lip filler",
        np="big lips | bigger lips | fuller lips | full lips | plump lips | plumper lips | pouty lips | thicker lips | lip fillers | luscious lips | voluminous lips",
        adj="full-lipped | big-lipped",
        vps="have big lips | have fuller lips | have plump lips",
        vpe="make {my} lips bigger | plump up {my} lips | make {my} lips fuller | enlarge {my} lips | inject some filler in {my} lips | make {my} lips big | thicken {my} lips | increase the size of {my} lips | plump {my} lips",
    ),
    "rosy cheeks": _word(
        n="rosy cheeks | blush | rouge | pink cheeks | red cheeks | blusher | flushed cheeks",
        np="rosy cheeks | some blush | blush | pink cheeks | red cheeks | rouge on the cheeks | a rosy glow | flushed cheeks | some blusher | rosier cheeks | some rouge",
        adj="rosy | blushing | flushed | rosy-cheeked",
        vps="blush | have rosy cheeks | wear blush | have pink cheeks",
        vpe="put some blush on {me} | make {my} cheeks rosy | make {my} cheeks pink | add blush to {my} cheeks | make {my} cheeks redder | redden {my} cheeks | apply some blush | make {me} blush | put color on {my} cheeks | dust some rouge on {my} cheeks",
    ),
    "pale skin": _word(
        n="pale skin | fair skin | porcelain skin | pale complexion | light skin | lighter skin | pale face | paleness | whiter skin",
        np="pale skin | fair skin | a pale complexion | porcelain skin | paler skin | a pale face | a lighter complexion | pale white skin | lighter skin | vampire skin",
        adj="pale | paler | fair-skinned | pale-skinned | ghostly pale",
        vps="look pale | have pale skin | look paler | turn pale | go pale",
        vpe="make {my} skin pale | lighten {my} skin | make {my} skin paler | make {my} face pale | whiten {my} skin | make {my} complexion paler | lighten {my} skin tone",
    ),
}

SUBJECTS: tuple[tuple[str, str, int], ...] = (  # (me, my, weight)
    ("me", "my", 60), ("her", "her", 16), ("him", "his", 14), ("them", "their", 4), ("the woman", "the woman's", 1),
    ("this guy", "this guy's", 1), ("my friend", "my friend's", 1), ("the person", "the person's", 1),
    ("my mom", "my mom's", 1), ("the man", "the man's", 1), ("the lady", "the lady's", 1), ("my boyfriend", "my boyfriend's", 1),
)  # fmt: skip

# What people call a slot, and the part of it that the words cover ("the lips" are two values of makeup).
SLOT_WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "expression": (("expression", "facial expression", "mood", "face expression", "look on my face"),),
    "hair color": (("hair color", "hair colour", "color of the hair", "hair dye", "colour of my hair"),),
    "hairstyle": (("hairstyle", "hair style", "haircut", "hairdo", "hair styling"),),
    "beard": (("beard", "facial hair", "whiskers", "beard stuff"),),
    "makeup": (("makeup edits", "makeup changes", "makeup and accessories", "make-up settings"),),
}
PARTS: dict[str, tuple[str, ...]] = {  # part of the face → what a withdrawal or a "don't touch" about it covers
    "hair": ("hair color", "hairstyle"),
    "hair color": ("hair color",),
    "hair colour": ("hair color",),
    "hairstyle": ("hairstyle",),
    "haircut": ("hairstyle",),
    "expression": ("expression",),
    "facial expression": ("expression",),
    "beard": ("beard",),
    "facial hair": ("beard",),
    "lips": ("lipstick", "big lips"),
    "mouth": ("lipstick", "big lips"),
    "eyebrows": ("bushy eyebrows",),
    "brows": ("bushy eyebrows",),
    "cheeks": ("rosy cheeks",),
    "skin": ("pale skin",),
    "complexion": ("pale skin",),
    "ears": ("earrings",),
    "hairline": ("receding hairline",),
    "forehead": ("bangs", "receding hairline"),
}
