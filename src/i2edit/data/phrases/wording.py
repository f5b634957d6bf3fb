"""How people name each attribute: the words that every split shares (sentence frames are what is split, see frames.py).

Per value: ``n`` bare nouns ("less {n}", "the {n}"), ``np`` with article or adjective ("give me {np}"), ``adj`` ("make me
{adj}"), ``vps`` what the person in the picture does ("make her {vps}"), ``vpe`` what the editor does ("please {vpe}"),
``say`` whole sentences, each a family of its own. One entry a line; ``{me}``/``{my}`` become me/her/him/... and my/her/...
"""

from __future__ import annotations

Wording = dict[str, tuple[str, ...]]


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.replace(" | ", "\n").splitlines() if line.strip())


def _word(n: str, np: str = "", adj: str = "", vps: str = "", vpe: str = "", say: str = "") -> Wording:
    return {
        "n": _lines(n), "np": _lines(np), "adj": _lines(adj), "vps": _lines(vps), "vpe": _lines(vpe), "say": _lines(say),
    }  # fmt: skip


WORDING: dict[str, Wording] = {
    "smiling": _word(
        n="smile | grin | smile | smiling | smirk | happy face | happy expression | smiling face | happy look | laugh",
        np="a smile | a grin | a big smile | a nice smile | a warm smile | a happy face | a happy expression | a smiling face | a happy look | a bright smile | a friendly smile | a wide grin | a cheeky grin | a laugh",
        adj="happy | cheerful | happier | joyful | smiley | more cheerful | delighted | jolly | pleased | amused | glad",
        vps="smile | grin | look happy | look cheerful | laugh | beam | crack a smile | cheer up | seem happy | show a smile | look happier | smirk | look like i am smiling",
        vpe="put a smile on {my} face | turn that frown upside down | turn {my} mouth corners up | change {my} expression to smiling | set the expression to smiling | paint a smile on {me}",
        say="""Cheer {me} up!
Say cheese!
I want to see some teeth, a nice smile.
Could {my} face look like {my} best day ever, all smiles?
Why so glum? Let's see a grin.
It would be great if there were a smile on {my} face.
I'd love to see {me} happy.
{my} expression should be happy.
Let's brighten up that face with a smile.
The picture needs some joy, make it smile.
Happy face, please.
I wish I was smiling in this picture.
Make it look like I just heard a great joke.
Looks too gloomy, a smile would help.
Let's go for a smiling expression.
Can we have the corners of the mouth go up, like a smile?""",
    ),
    "angry": _word(
        n="scowl | angry face | anger | angry look | angry expression | glare | cross look",
        np="an angry face | an angry look | a scowl | an angry expression | a furious look | a cross face | a mean look | a glare | a mad face",
        adj="angry | mad | furious | cross | angrier | pissed off | annoyed | enraged | really cross | irritated | grumpy",
        vps="look angry | scowl | look mad | look furious | glare | look cross | get angry | seem angry | look pissed | frown angrily | look annoyed",
        vpe="put an angry look on {my} face | change {my} expression to angry | set the expression to angry",
        say="""I want {me} to look like someone stole {my} lunch, really angry.
Let's see some rage.
Make it look like I'm about to yell at somebody.
{my} face should be full of anger.
I'd like to see {me} fuming.
How would {me} look angry?
Could you try a furious expression on {me}?
Time to get mad.
Angry mode on.
An angry version of the face would be cool.
I want to look like I could bite someone's head off.
Let's make the face look hostile and angry.""",
    ),
    "sad": _word(
        n="sad face | sadness | sad look | sad expression | frown | pout | gloomy look",
        np="a sad face | a sad look | a sad expression | a gloomy face | an unhappy look | a frown | a melancholic look | a tearful look | a sad frown",
        adj="sad | unhappy | gloomy | sadder | miserable | melancholic | heartbroken | depressed | down | blue | sorrowful",
        vps="look sad | frown | look unhappy | look gloomy | cry | look miserable | seem sad | look heartbroken | pout | look like crying",
        vpe="put a sad look on {my} face | change {my} expression to sad | set the expression to sad | turn {my} mouth corners down",
        say="""Make it look like {my} dog just died.
I want to see {me} heartbroken.
Could {my} face be full of sorrow?
Let's try a gloomy mood, sad eyes and all.
How about some tears, a really sad face?
Bring some sadness into {my} face.
{my} expression should be unhappy.
Show me the sad version.
I'd like to see what {me} would look like sad.
Turn that happy face into an unhappy one.
The mood should be melancholic.
Sad mode please.""",
    ),
    "no smiling": _word(
        n="straight face | neutral expression | serious face | poker face | neutral face | serious look | neutral look | deadpan",
        np="a straight face | a neutral expression | a serious face | a serious look | a poker face | a neutral face | a neutral look | no smile | a blank expression | a serious expression",
        adj="serious | more serious | neutral | deadpan | stern | expressionless | straight-faced | less smiley",
        vps="stop smiling | look serious | keep a straight face | stop grinning | look neutral | not smile | quit smiling | close {my} mouth and look serious | stop laughing | be serious",
        vpe="wipe that smile off {my} face | get rid of the grin | get rid of the smile | remove the smile | take the smile away | lose the smile | wipe the grin off | set the expression to neutral | remove that grin | take off the smile | drop the smile | erase the smile | make the smile go away",
        say="""No more smiling.
No smiling please.
I don't want {me} to smile.
That smile has to go.
Enough with the grinning.
Don't smile.
Let's have {me} without the smile.
No smile please, it's for my passport.
Passport photo face, so no smile.
I want a photo without a grin.
The smile looks fake, get rid of it.
{my} face should be neutral.
Can we get a face that is not smiling?
I don't like that grin, wipe it off.
Lose that silly grin.
I would rather not smile in this picture.""",
    ),
    "brown hair": _word(
        n="brown hair | brunette hair | chestnut hair | brown | brunette | brown hair color | brunette look | chestnut color | chocolate brown hair | chestnut",
        np="brown hair | brunette hair | chestnut hair | chestnut brown hair | chocolate brown hair | a brown hair color | some brown hair | hazelnut brown hair",
        adj="brunette | brown-haired | a brunette | chestnut haired",
        vps="have brown hair | be a brunette | go brunette | go brown | become a brunette | turn brunette",
        vpe="dye {my} hair brown | color {my} hair brown | make {my} hair brown | turn {my} hair brown | paint {my} hair chestnut | change {my} hair to brown | make {my} hair chestnut | switch {my} hair color to brown | tint {my} hair brown | set the hair color to brown | change the hair color to brunette",
        say="""I always wanted to be a brunette.
{my} hair should be brown.
What would {me} look like as a brunette?
Brown would suit {me}, let's do it.
Try brown for the hair.
I think {my} hair would look great in chestnut.
Let's see brown locks.
Hair colour: brown.
For the hair color I'm thinking brunette.
I'm in the mood for chestnut hair today.
Could the hair be the color of chocolate, so brown?
Let's give brunette a shot.""",
    ),
    "blond hair": _word(
        n="blond hair | blonde hair | blond | blonde | golden hair | platinum hair | platinum blonde | fair hair | blonde locks | golden locks | platinum | blond hair color",
        np="blond hair | blonde hair | golden hair | platinum blonde hair | fair hair | some blond hair | golden blond hair | platinum hair | golden locks | a blond hair color",
        adj="blond | blonde | a blonde | blond-haired | fair-haired | blonder",
        vps="have blond hair | be a blonde | go blonde | become blond | turn blond | go platinum",
        vpe="dye {my} hair blond | color {my} hair blonde | make {my} hair blond | turn {my} hair golden | bleach {my} hair | change {my} hair to blond | make {my} hair blonde | go platinum on {my} hair | bleach it blonde | set the hair color to blond | switch {my} hair color to blond | lighten {my} hair to blond",
        say="""Blondes have more fun, so make {me} one.
{my} hair should be golden.
What would {me} look like as a blonde?
I want to see {me} as a blond.
Try blond for the hair.
I think platinum would look great on {me}.
Let's see golden locks.
Hair colour: blond.
For the hair color I'm thinking blonde.
Marilyn Monroe hair color please, blonde.
Let's give blonde a shot.
How about bleaching the hair?
Sunny golden hair would be nice.""",
    ),
    "black hair": _word(
        n="black hair | raven hair | black | jet black hair | raven black hair | black hair color | jet black | raven | ebony hair",
        np="black hair | raven hair | jet black hair | raven black hair | a black hair color | some black hair | ebony hair | deep black hair",
        adj="black-haired | raven-haired",
        vps="have black hair | have raven black hair | go black with the hair | have raven hair | go jet black",
        vpe="dye {my} hair black | color {my} hair black | make {my} hair black | turn {my} hair black | paint {my} hair jet black | change {my} hair to black | switch {my} hair color to black | make {my} hair raven | set the hair color to black | tint {my} hair black",
        say="""{my} hair should be black.
What would {me} look like with black hair?
Black would suit {me}, let's do it for the hair.
Try black for the hair.
I think raven would look great on {me}.
Let me have a look. Emm we should try black hair.
Let's see black locks.
Hair colour: black.
For the hair color I'm thinking black.
I want hair as black as the night.
Let's give raven hair a shot.
Snow White hair, so black.""",
    ),
    "gray hair": _word(
        n="gray hair | grey hair | silver hair | gray | grey | silver | salt-and-pepper hair | gray hair color | salt and pepper",
        np="gray hair | grey hair | silver hair | salt-and-pepper hair | some gray hair | a gray hair color | silvery hair | some grey hairs | silver gray hair",
        adj="gray-haired | grey-haired | silver-haired | gray | grey",
        vps="have gray hair | go gray | go grey | have silver hair | go silver | turn grey",
        vpe="dye {my} hair gray | color {my} hair silver | make {my} hair gray | turn {my} hair grey | change {my} hair to gray | make {my} hair silver | switch {my} hair color to grey | set the hair color to gray | make {my} hair salt and pepper | tint {my} hair silver",
        say="""{my} hair should be silver.
What would {me} look like with gray hair?
Silver would suit {me}, let's do it.
Try grey for the hair.
I think salt and pepper would look great on {me}.
Silver fox please.
Hair colour: gray.
For the hair color I'm thinking silver.
Let's give the George Clooney silver hair a shot.
Let's see silver locks.
How about going gracefully grey?
I'd like to see grey strands on {my} head.""",
    ),
    "straight hair": _word(
        n="straight hair | sleek hair | straightened hair | straight locks | smooth straight hair | straight hairstyle",
        np="straight hair | sleek straight hair | straightened hair | a straight hairstyle | smooth straight hair | sleek hair | poker straight hair",
        adj="straight-haired",
        vps="have straight hair | wear {my} hair straight",
        vpe="straighten {my} hair | make {my} hair straight | iron {my} hair straight | flat iron {my} hair | make {my} hair sleek | uncurl {my} hair | turn {my} hair straight | make the hair straighter",
        say="""{my} hair should be straight.
I'd love to see {me} with a straightened mane.
What would {me} look like with straight hair?
Get the flat iron out.
No curls, straight hair instead.
Hairstyle: straight.
Let's try sleek and straight.
Could {my} hair be like I just came from a keratin treatment, straight?
Use a hair straightener on {me}.
I'm tired of this frizz, straighten it.
Let {my} hair fall straight down.
Straight for the hair texture.""",
    ),
    "wavy hair": _word(
        n="wavy hair | curls | waves | curly hair | wavy locks | beach waves | curl | wavy hairstyle | soft waves | perm | ringlets",
        np="wavy hair | curls | curly hair | some curls | waves | some waves | beach waves | a wavy hairstyle | loose waves | soft curls | big curls | a perm",
        adj="curly | wavy | curly-haired | wavy-haired | curlier",
        vps="have curly hair | have wavy hair | get curls | have waves",
        vpe="curl {my} hair | make {my} hair wavy | make {my} hair curly | put waves in {my} hair | give {my} hair some curls | perm {my} hair | turn {my} hair wavy | add waves to {my} hair | add curls to {my} hair | make the hair curlier | style {my} hair in waves",
        say="""{my} hair should be wavy.
I'd love to see {me} with a curly mane.
What would {me} look like with curls?
Get the curling iron out.
Hairstyle: wavy.
Let's try some beach waves.
{my} hair should fall in waves.
Some curls would be nice.
I'd like {my} hair to have more of a wave.
Let the hair curl.
Curls for days please.
Add some movement to the hair, like waves.
Surfer waves in the hair please.""",
    ),
    "receding hairline": _word(
        n="receding hairline | high forehead | receding hair | balding look | higher hairline | thinning hairline | widow's peak",
        np="a receding hairline | a higher hairline | a high forehead | receding hair | a balding forehead | a thinning hairline | a receding hair line",
        adj="balding | bald in front | thin on top",
        vps="have a receding hairline | go bald at the front | be balding",
        vpe="push {my} hairline back | move {my} hairline back | move {my} hairline further back | set {my} hairline further back | raise {my} hairline | make {my} hairline recede | make {my} hairline higher | thin out {my} hairline",
        say="""{my} hairline should recede.
Make it look like I'm losing my hair at the front.
Make it look like {my} hairline has moved up.
What would {me} look like with less hair at the front?
Let {my} hairline go back.
Less hair on the forehead, a receding hairline.
Hairstyle: receding hairline.
How would {me} look if the hairline was receding?
The hairline should start higher up.
Let's see how balding temples look.
Recede the hair line.
Let the hair get thinner in front.""",
    ),
    "sideburns": _word(
        n="sideburns | mutton chops | side burns | sideburn | side whiskers | muttonchops | chops",
        np="sideburns | some sideburns | long sideburns | mutton chops | a pair of sideburns | thick sideburns | elvis sideburns | side burns | side whiskers",
        adj="sideburned",
        vps="have sideburns | grow sideburns | wear sideburns | grow mutton chops | rock some sideburns",
        vpe="add sideburns to {my} face | put sideburns on {me} | let {my} sideburns grow | extend {my} sideburns | make {my} sideburns longer",
        say="""Elvis style sideburns please.
Let the hair grow down in front of {my} ears.
What would {me} look like with sideburns?
Hairstyle: sideburns.
I want hair running down the sides of {my} face like mutton chops.
Let's go full Wolverine with the mutton chops.
Let me see {me} with some chops.
{my} cheeks could use sideburns.
Sideburns would be cool.
I'd like the sides longer, sideburns you know.
Victorian mutton chops, go.
Sideburns would frame {my} face nicely.""",
    ),
    "bangs": _word(
        n="bangs | fringe | a fringe | full fringe | hair bangs | curtain bangs | front bangs | fringes",
        np="bangs | a fringe | some bangs | full bangs | a full fringe | side-swept bangs | curtain bangs | thick bangs | a short fringe | a set of bangs",
        adj="fringed",
        vps="have bangs | wear bangs | have a fringe | get bangs | wear a fringe",
        vpe="cut {my} hair into bangs | add bangs to {my} hair | put bangs on {me} | cut {me} a fringe | cover {my} forehead with bangs | cut {my} bangs | add a fringe to {my} hair | style {my} hair with bangs",
        say="""Cover {my} forehead with some hair, a fringe.
What would {me} look like with bangs?
{my} forehead could use a fringe.
Hairstyle: bangs.
I've been thinking about getting bangs.
Bangs would look so cute on {me}.
Let's see that forehead covered by bangs.
Let's give the fringe a shot.
I need bangs in my life.
Some hair hanging over the forehead, like bangs.
Hide that forehead behind a fringe.
Cleopatra style bangs please.""",
    ),
    "mustache": _word(
        n="mustache | moustache | 'stache | stache | mustaches | tash | 'tache | handlebar mustache",
        np="a mustache | a moustache | a thick mustache | some mustache | a stache | a nice moustache | a handlebar mustache | a pencil moustache",
        adj="mustached | mustachioed",
        vps="have a mustache | wear a mustache | grow a mustache | grow a moustache | rock a stache | sport a moustache",
        vpe="put a mustache on {me} | add a moustache to {my} face | draw {me} a mustache | let {me} grow a moustache | stick a mustache under {my} nose",
        say="""Hair on the upper lip please.
What would {me} look like with a mustache?
Movember style, a moustache.
Tom Selleck style, so a mustache.
Beard: mustache.
Some facial hair above {my} lip, a moustache.
Let me see {me} with a stache.
A moustache would be funny.
Give Mario's mustache a try.
For the facial hair I'm thinking mustache.
Let's see if a moustache suits {me}.
A bit of hair under the nose, a moustache I mean.""",
    ),
    "goatee": _word(
        n="goatee | chin beard | goatee beard | goaty | goattee | chin hair | beard on the chin",
        np="a goatee | a chin beard | a goatee beard | a little goatee | a nice goatee | some chin hair | a beard on the chin | a small chin beard",
        adj="goateed",
        vps="have a goatee | grow a goatee | wear a goatee | grow a chin beard | rock a goatee | sport a goatee",
        vpe="put a goatee on {me} | add a goatee to {my} chin | draw {me} a goatee | let {me} grow a goatee | put a beard on {my} chin",
        say="""Hair on the chin please, a goatee.
What would {me} look like with a goatee?
Beard: goatee.
Some facial hair on {my} chin.
Let me see {me} with a chin beard.
A goatee would be fun.
For the facial hair I'm thinking goatee.
Let's see if a goatee suits {me}.
{my} chin could use a beard.
I would like a small pointy beard at the chin.
Let's give a chin beard a shot.
Colonel Sanders style goatee.""",
    ),
    "no makeup": _word(
        n="bare face | natural look | no makeup look | no makeup | makeup-free face | natural face | bare skin",
        np="no makeup | a bare face | a natural look | a makeup-free face | no make-up | no make up at all | no makeup look | a face without makeup | zero makeup",
        adj="makeup-free | bare-faced | unmade-up",
        vps="wear no makeup | go bare faced | go makeup free | go without makeup | go natural without makeup",
        vpe="take off the make-up | remove the makeup | remove all makeup | wash {my} makeup off | wipe off the makeup | clean the makeup off {my} face | get rid of the makeup | strip off all the makeup | take {my} makeup off | lose the makeup | take off all the makeup | remove {my} make up",
        say="""No makeup at all please.
I want to see {me} without any makeup.
A bare face please.
Makeup: none at all.
Show me the natural face without makeup.
I woke up like this, no makeup.
{my} face should be free of make-up.
Without make-up please.
All the makeup has to go.
I don't want any makeup on {my} face.
Fresh out of the shower, no makeup.
Let's see what {me} would look like without makeup.
Too much makeup, take it all off.""",
    ),
    "heavy makeup": _word(
        n="heavy makeup | full glam | full face | full face of makeup | heavy make-up | glam makeup | thick makeup | glam look",
        np="heavy makeup | full glam | a full face of makeup | a full face | lots of makeup | a glam look | heavy make-up | tons of makeup | a heavy makeup look | thick makeup | dramatic makeup | a ton of make up | a lot of makeup",
        adj="heavily made up | all glammed up | glammed up | made up",
        vps="wear heavy makeup | have heavy makeup | go full glam | wear lots of makeup | wear a full face | wear a lot of make-up",
        vpe="put heavy makeup on {me} | do a full face on {me} | put tons of makeup on {me} | glam {me} up | cake on the makeup | apply heavy makeup | doll {me} up | put on a full face of makeup",
        say="""Full glam please!
Give me the full beat.
What would {me} look like with heavy makeup?
Red carpet makeup please.
Makeup: heavy.
Drag queen levels of makeup.
Go all out on the make-up.
Let's see full glam on {me}.
A full face, like for a party.
Party makeup, the heavy kind.
Lots and lots of makeup.
Let's lay the make-up on thick.
I want to look like a beauty influencer in full glam.""",
    ),
    "lipstick": _word(
        n="lipstick | lip color | lip colour | red lips | red lipstick | lippy | lip gloss | lipsticks | pink lipstick",
        np="lipstick | some lipstick | red lipstick | a beautiful lip color | red lips | a nice lip colour | bright lipstick | pink lipstick | a lip color | bold lipstick | some lippy | lip gloss",
        adj="lipsticked",
        vps="wear lipstick | have lipstick on | wear red lipstick | wear some lipstick | have red lips",
        vpe="put lipstick on {me} | paint {my} lips red | put some lipstick on | apply lipstick | color {my} lips | make {my} lips red | make {my} lips redder | put on some red lipstick | paint {my} lips | apply some lip color",
        say="""I want to see what I look like with a beautiful lip color.
{my} lips need some color.
What would {me} look like with lipstick?
Red lips please.
Makeup: lipstick.
{my} lips should be painted.
Let's see those lips in a nice red.
The lips look colorless, add lipstick.
A classic red lip please.
Time for some lippy.
Could the lips be rouge?
I forgot my lipstick, add it please.""",
    ),
    "earrings": _word(
        n="earrings | ear rings | earring | hoops | studs | hoop earrings | ear studs | earings",
        np="earrings | some earrings | big earrings | hoop earrings | a pair of earrings | gold earrings | pearl earrings | nice earrings | hoops | silver earrings | ear rings | diamond studs",
        adj="earringed",
        vps="wear earrings | have earrings | have earrings in | wear hoops | wear a pair of earrings",
        vpe="put earrings on {me} | add earrings to {my} ears | hang earrings on {my} ears | put some earrings in {my} ears | decorate {my} ears with earrings | pierce {my} ears",
        say="""Some jewelry for {my} ears please.
What would {me} look like with earrings?
{my} ears look naked, add earrings.
Makeup: earrings.
Accessorize with earrings.
I want something dangling from {my} ears.
Hoops please.
Let's see {me} with pearls in the ears.
Girl with a pearl earring style please.
Some bling in the ears.
Let me try on earrings.
Earrings would complete the look.""",
    ),
    "bushy eyebrows": _word(
        n="bushy eyebrows | thick eyebrows | thick brows | bushy brows | fuller eyebrows | full brows | bushier brows | big eyebrows",
        np="bushy eyebrows | thick eyebrows | thicker eyebrows | bushy brows | fuller brows | thick brows | bushier eyebrows | big eyebrows | full eyebrows | bold brows",
        adj="bushy-browed",
        vps="have bushy eyebrows | have thick eyebrows | have fuller brows",
        vpe="make {my} eyebrows bushy | thicken {my} eyebrows | make {my} brows thicker | make {my} eyebrows bushier | fill in {my} brows | bush up {my} eyebrows | let {my} eyebrows grow | make {my} eyebrows fuller",
        say="""{my} eyebrows should be bushy.
What would {me} look like with bushy eyebrows?
More hair on the brows please.
{my} eyebrows are too thin, make them thick.
Makeup: bushy eyebrows.
Frida Kahlo eyebrows please.
Cara Delevingne brows please.
Brows on fleek, thick and bushy.
I'd like more eyebrow hair.
Thicker brows would look great.
The eyebrows could be bushier.
Eyebrows like caterpillars please.""",
    ),
    "big lips": _word(
        n="big lips | full lips | fuller lips | plump lips | plumper lips | bigger lips | pouty lips | thick lips | lip filler",
        np="big lips | bigger lips | fuller lips | full lips | plump lips | plumper lips | pouty lips | thicker lips | lip fillers | luscious lips | voluminous lips",
        adj="full-lipped | big-lipped",
        vps="have big lips | have fuller lips | have plump lips",
        vpe="make {my} lips bigger | plump up {my} lips | make {my} lips fuller | enlarge {my} lips | inject some filler in {my} lips | make {my} lips big | thicken {my} lips | increase the size of {my} lips | plump {my} lips",
        say="""{my} lips should be big.
What would {me} look like with big lips?
{my} lips are too thin, make them full.
Makeup: big lips.
Angelina Jolie lips please.
Kylie Jenner lips please.
I'd like more volume in the lips.
Bigger lips would look great.
The lips could be plumper.
Lip filler please.
Let's go for a fuller mouth.
Let's add volume to the lips.""",
    ),
    "rosy cheeks": _word(
        n="rosy cheeks | blush | rouge | pink cheeks | red cheeks | blusher | flushed cheeks",
        np="rosy cheeks | some blush | blush | pink cheeks | red cheeks | rouge on the cheeks | a rosy glow | flushed cheeks | some blusher | rosier cheeks | some rouge",
        adj="rosy | blushing | flushed | rosy-cheeked",
        vps="blush | have rosy cheeks | wear blush | have pink cheeks",
        vpe="put some blush on {me} | make {my} cheeks rosy | make {my} cheeks pink | add blush to {my} cheeks | make {my} cheeks redder | redden {my} cheeks | apply some blush | make {me} blush | put color on {my} cheeks | dust some rouge on {my} cheeks",
        say="""{my} cheeks should be rosy.
What would {me} look like with rosy cheeks?
Put some color into {my} cheeks.
Makeup: rosy cheeks.
Make it look like I just came in from the cold, rosy cheeks.
{my} cheeks need some pink.
Let's have a healthy rosy glow.
Let the cheeks glow pink.
Apple cheeks, nice and red.
Rosy cheeks would look great.
The cheeks could be redder.
Blush please.""",
    ),
    "pale skin": _word(
        n="pale skin | fair skin | porcelain skin | pale complexion | light skin | lighter skin | pale face | paleness | whiter skin",
        np="pale skin | fair skin | a pale complexion | porcelain skin | paler skin | a pale face | a lighter complexion | pale white skin | lighter skin | vampire skin",
        adj="pale | paler | fair-skinned | pale-skinned | ghostly pale",
        vps="look pale | have pale skin | look paler | turn pale | go pale",
        vpe="make {my} skin pale | lighten {my} skin | make {my} skin paler | make {my} face pale | whiten {my} skin | make {my} complexion paler | lighten {my} skin tone",
        say="""{my} skin should be pale.
Please try to look pale.
What would {me} look like with pale skin?
I want to look like I never see the sun, pale.
Makeup: pale skin.
Vampire look, pale skin.
White as a ghost please.
Let's have a porcelain complexion.
Pale skin would look great.
The skin could be paler.
Less tan, more pale.
I'd like a snow white complexion.""",
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
