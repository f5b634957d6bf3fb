"""Words that fill the unsupported wishes of the bank, and fillers around any turn (they carry nothing and are not families)."""

from __future__ import annotations

COLORS: tuple[str, ...] = (
    "red", "ginger", "pink", "blue", "green", "purple", "orange", "auburn", "copper", "rainbow", "turquoise", "strawberry red",
    "violet", "neon green", "multicolored", "yellow", "teal", "burgundy", "lavender", "bright red", "sky blue",
)  # fmt: skip
WISHES: tuple[str, ...] = (
    "turn {me} into a redhead", "make {me} a redhead", "make {me} a ginger", "dye {my} hair red", "change {my} eye colour to blue",
    "change the color of {my} eyes", "give {me} another nose", "make {me} look like my dad", "make {me} look rich", "make {me} look smart",
    "make {me} younger", "make {me} older", "make {me} look younger", "make {me} look ten years younger", "make {me} thinner",
    "make {me} slimmer", "make {my} face slimmer", "make {my} nose smaller", "fix {my} nose", "make {my} eyes bigger",
    "change {my} eye color", "make {my} eyes blue", "make {my} eyes green", "turn {me} into a man", "turn {me} into a woman",
    "swap the gender", "make {me} look like a man", "remove the background", "change the background", "blur the background",
    "make the background white", "brighten the photo", "make the photo brighter", "make it black and white", "add a filter",
    "turn it into a painting", "make it a cartoon", "turn {me} into a zombie", "turn {me} into a cat", "crop the picture",
    "rotate the picture", "zoom in", "remove the wrinkles", "smooth {my} skin", "remove the pimples", "whiten {my} teeth",
    "fix {my} teeth", "make {me} taller", "change {my} clothes", "put {me} in a suit", "put {me} on the beach",
    "make {my} hair longer", "make {my} hair shorter", "cut {my} hair short", "make {me} bald", "shave {my} head", "tan {my} skin",
    "make {my} skin darker", "give {me} a tan", "make {my} ears smaller", "make {my} chin smaller", "open {my} eyes", "close {my} eyes",
    "turn {my} head to the left", "make {me} wink", "make {me} surprised", "make {me} look scared", "make {me} look tired",
    "make {me} look like Brad Pitt", "make {me} look like a celebrity", "make {me} fat", "make {my} cheekbones higher", "lift {my} face",
    "remove the double chin", "add some text", "remove the watermark", "fix the lighting", "make {me} look sleepy", "remove the freckles",
    "make {my} neck longer", "shrink {my} forehead", "change the lighting", "make it sharper", "add a sunset", "straighten {my} nose",
    "make {my} face rounder", "give {me} plastic surgery", "make {me} look drunk", "make {my} face symmetrical", "trim {my} beard",
    "put {my} hair up", "braid {my} hair", "make {my} hair thicker", "make {my} hair wet", "make {me} look disgusted",
)  # fmt: skip
THINGS: tuple[str, ...] = (
    "glasses", "sunglasses", "a hat", "a cap", "a crown", "a tattoo", "freckles", "blue eyes", "green eyes", "a bigger nose", "a nose ring",
    "a scar", "a piercing", "braces", "a beauty mark", "dimples", "long hair", "short hair", "a ponytail", "a bob", "a mohawk", "dreadlocks",
    "a bald head", "an afro", "eyeliner", "mascara", "eyeshadow", "fake lashes", "long eyelashes", "a necklace", "a tie", "a scarf", "a mask",
    "wings", "horns", "cat ears", "a tan", "darker skin", "a smaller nose", "a bow tie", "a veil", "a helmet", "contact lenses", "foundation",
    "highlights", "a bun", "pigtails", "braids", "a pixie cut", "a soul patch", "dark circles", "wrinkles", "a double chin", "white teeth",
    "a smaller mouth", "thin lips", "thin eyebrows", "a new background", "better lighting", "nail polish", "a turban", "headphones",
)  # fmt: skip

# Fillers around any turn; they carry nothing and are not families.
# Openers by where they fit: at the very beginning; as praise for what was just done; going on; anywhere; and those that give a
# reason, about oneself or about anybody.
FIRST = (
    "Hi,", "Hello!", "Hey,", "Hey there,", "First,", "For starters,", "To begin with,", "Good morning!", "Hi there!", "Hello,",
)  # fmt: skip
PRAISING = (
    "Great,", "Nice!", "Cool.", "Wow,", "Looks good.", "Thanks!", "Thank you.", "Perfect.", "Good.", "Great!", "Lovely.", "Awesome.", "Not bad.",
    "Nice, but", "Good, but", "Beautiful!", "haha nice.", "That's better.", "Good start.", "That was fun.", "Nice work.", "Amazing.", "Sweet!",
    "Good job.", "Interesting.", "Ha, funny.", "Looking good.", "That works.", "Not what I expected, but fine.",
)  # fmt: skip
GOING_ON = (  # the first three also early on
    "Now", "Next thing:", "Also,", "One more thing:", "Oh and", "One last thing:", "Finally,", "Last but not least,", "And then", "Then",
    "And", "Next,", "On top of that,", "While we're at it,",
)  # fmt: skip
NEUTRAL = (
    "Hmm,", "Hm,", "Well,", "So,", "Oh,", "Let me think.", "Let me see.", "Umm,", "Uh,", "Actually,", "Let's see...", "You know what?", "Listen,",
    "Guess what,", "So I was thinking,", "I don't know,", "To be honest,", "Honestly,", "Yo,", "Excuse me,", "By the way,", "I'm not sure but",
    "For fun,", "Just for fun,", "I have an idea:", "If possible,", "Hey buddy,", "I'm curious.",
)  # fmt: skip
REASONS = (
    "My grandma will love this.", "This photo is from last summer.", "It's almost Halloween.", "I saw this in a movie.",
    "I've been looking at old pictures.", "I was talking to my mom.", "My boss will see this.", "We are making a poster.", "It's for a party.",
    "My friends will laugh.", "It's for our family calendar.", "We have a bet going.",
)  # fmt: skip
OWN_REASONS = (
    "I have a job interview tomorrow.", "I look tired in this one.", "My girlfriend took this photo.", "That's me on the left.",
    "I'm going to a costume party.", "My hairdresser is on holiday.", "I want to surprise my wife.", "Everyone tells me to try something new.",
    "It's for my dating profile.", "I need this for LinkedIn.", "This is for my profile picture.", "I'm bored with my look.",
    "I've got a date tonight.",
)  # fmt: skip
# Closers: polite ones after anything, the rest only after a statement or an order.
POLITE = ("please", "pls", "thanks", "thank you", "if you can", "if possible", "if you don't mind", "if that's ok")
CLOSERS = (
    "for a change", "and let me see", "I think that would look great", "that would be fun", "for the fun of it", "and show me",
    "just to see how it looks", "that would be awesome", "that'd be cool", "ok?", "I think", "this time", "that's what I want", "let's see",
    "don't you think?", "will you?", "right?", "I beg you", "just for fun", "for the poster", "when you have a moment", "what do you say?",
    "my wife would love that", "I always wanted to try that", "let me know when it's done", "for now", "mate", "dude", "my friend",
    "in this photo", "in the picture",
)  # fmt: skip
SMILEYS = ("!", "!!", "hehe", "lol", "haha", ":)", ";)")
OPENERS = (*FIRST, *PRAISING, *GOING_ON, *NEUTRAL, *REASONS, *OWN_REASONS)
ENDINGS = (*POLITE, *CLOSERS, *SMILEYS)

# What is named but not wanted, in messages of several sentences (training alone).
NOT = (
    "No {n}.", "no {n} though", "skip the {n}", "leave the {n} out", "not {np}", "no {n} please", "not {np} though", "without {np}",
    "no {n}, thanks", "I don't want {np}", "{np} is not for me", "I thought about {np}, but no", "maybe {np}... no, forget that",
    "and {np}, no wait, leave that out", "I'd say {np} too, but I'd rather not", "I was going to ask for {np} but I changed my mind",
    "everybody does {np} these days, so not that", "my sister told me to get {np}, but I won't", "he'd like {np}, but no way",
    "I already said no to {np}", "{np}? God no", "{np}? Nah", "don't you dare add {np}", "anything but {np}", "just don't add {np}",
    "stay away from {np}", "the {n} can wait", "hold the {n}", "spare me the {n}", "nothing with {np}", "I'm not having {np}",
    "the {n} idea is off the table", "never mind the {n} idea", "scratch the {n} idea", "I'd never wear {np}", "{np} would be too much",
    "I used to have {np} and hated it", "my ex had {np}, so no", "{np} isn't me", "I'm done with {np}", "thought of {np} first, but nope",
)  # fmt: skip
# What is there and stays.
STAYS = (
    "keep the {n}", "leave the {n}", "the {n} can stay", "the {n} stays", "leave the {n} as it is", "keep the {n} though", "I like the {n}",
    "the {n} is fine", "don't touch the {n}", "the {n} should stay", "leave the {n} where it is", "the {n} is good", "but not the {n}",
    "I'm happy with the {n}", "hold on to the {n}", "let the {n} be", "the {n} may remain", "I'd keep the {n}", "the {n} I love",
)  # fmt: skip
