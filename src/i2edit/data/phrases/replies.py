"""What the system says: openings after an edit, admissions of what failed, and the tails of each dialogue act.

``{made} {failed} {removed}`` become lists of names, ``{value}`` a suggested value, ``{slot}`` a slot's name. A reply comes
after the edit and never claims more than what was made or taken back.
"""

from __future__ import annotations

NAMES: dict[str, tuple[str, ...]] = {  # how replies name a value; every name is known to the check in dialogue/check.py
    "smiling": ("the smile", "a smile"),
    "angry": ("the angry look", "an angry look"),
    "sad": ("the sad look", "a sad look"),
    "no smiling": ("the straight face", "a straight face"),
    "brown hair": ("brown hair", "the brown hair"),
    "blond hair": ("blond hair", "the blond hair"),
    "black hair": ("black hair", "the black hair"),
    "gray hair": ("gray hair", "the gray hair"),
    "straight hair": ("straight hair", "the straight hair"),
    "wavy hair": ("wavy hair", "the wavy hair"),
    "receding hairline": ("the receding hairline", "a receding hairline"),
    "sideburns": ("sideburns", "the sideburns"),
    "bangs": ("bangs", "the bangs"),
    "mustache": ("the mustache", "a mustache"),
    "goatee": ("the goatee", "a goatee"),
    "no makeup": ("the bare face", "a bare face"),
    "heavy makeup": ("heavy makeup", "the heavy makeup"),
    "lipstick": ("lipstick", "the lipstick"),
    "earrings": ("earrings", "the earrings"),
    "bushy eyebrows": ("bushy eyebrows", "the bushy eyebrows"),
    "big lips": ("fuller lips", "the fuller lips"),
    "rosy cheeks": ("rosy cheeks", "the rosy cheeks"),
    "pale skin": ("pale skin", "the pale skin"),
}
SLOT_NAMES: dict[str, tuple[str, ...]] = {
    "expression": ("the expression", "the facial expression"),
    "hair color": ("the hair color", "the color of the hair"),
    "hairstyle": ("the hairstyle", "the haircut"),
    "beard": ("the beard", "the facial hair"),
    "makeup": ("the makeup", "makeup"),
}


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines() if line.strip())


DONE = _lines("""
Done.
It's done.
All done.
Ok, finished.
Finished.
This is it.
Here you go.
There you go.
Here it is.
Here is the new picture.
Have a look.
Take a look.
That's done.
Ready.
Sure, done.
Of course, done.
Done, have a look.
Your wish is my command.
Alright, there it is.
Here's how that looks.
I've updated the picture.
Okay, I changed it.
""")
MADE = _lines("""
Done, {made} added.
I've added {made}.
Here you go, with {made}.
There you go: {made}.
{made}: done.
Sure, I added {made}.
Here is the picture with {made}.
Now you see {made}.
Have a look at {made}.
Ok, {made} coming right up, and done.
I gave it {made}.
That's {made} for you.
""")
REMOVED = _lines("""
Done, I took {removed} off.
I've removed {removed}.
Okay, no more {removed}.
Sure, {removed} is gone.
I took {removed} away again.
Without {removed} now.
Gone: {removed}.
Alright, I dropped {removed}.
""")
BOTH = _lines("""
Done: I added {made} and took {removed} off.
I've removed {removed} and added {made}.
There you go: {made} in, {removed} out.
Okay, {made} instead of {removed}.
""")
FAILED = _lines("""
Sorry, {failed} didn't work on this photo.
I'm sorry, I couldn't get {failed} to show on this photo.
I tried {failed}, but it did not take on this photo, sorry.
Unfortunately {failed} didn't come out on this face.
I couldn't make {failed} visible here, sorry.
Sorry, I did not manage {failed} this time.
""")
PARTLY = _lines("""
I've added {made}, but sorry, {failed} didn't work on this photo.
Here is {made}. I couldn't get {failed} to show, sorry.
Done with {made}, but unfortunately {failed} didn't come out.
{made}: done. I'm sorry, {failed} did not take on this face.
I added {made}. I tried the rest too, but {failed} didn't work, sorry.
""")
UNDONE = _lines("""
Okay, I went back.
Undone.
I took that back.
Back to the one before.
Sure, I've undone it.
Here is the previous version.
Alright, one step back.
That's undone.
""")
REDONE = _lines("""
Okay, it's back.
Redone.
I brought it back.
Sure, here it is again.
There it is again.
""")
RESET = _lines("""
Okay, we start over with the original photo.
Here is the original photo again.
Everything is cleared.
Sure, back to the original.
All edits are gone, fresh start.
""")
DEGREE_LESS = _lines("""
Okay, I toned it down.
Done, it's softer now.
I made it more subtle.
A bit less now.
""")
DEGREE_MORE = _lines("""
Okay, I turned it up.
Done, it's stronger now.
I made it more intense.
A bit more now.
""")
NEXT = _lines("""
What else do you want to manipulate?
What else do you want to edit?
What else do you want to try?
What would you like to change next?
What's next?
Anything else?
Is there anything else you'd like to edit?
What shall we do next?
What else can I do for you?
Do you want to change anything else?
What would you like to try next?
Tell me what to change next.
Any other wishes?
Do you have another wish?
What do you think? Anything else?
How do you like it?
Would you like to try something else?
Shall we go on?
""")
REQUEST = _lines("""
Do you want to manipulate {slot}?
Do you want to change {slot}?
Would you like to edit {slot}?
What about {slot}?
How about {slot}?
Shall we do something with {slot}?
Would you like to change {slot} too?
Do you have any wishes for {slot}?
Shall we look at {slot} next?
Should I change {slot} as well?
Are you happy with {slot}?
""")
SUGGEST = _lines("""
How about {value}?
What about {value}?
Would you like to try {value}?
Do you want to try {value}?
Maybe {value} would look good, shall I add it?
Shall we try {value}?
I think {value} would look great. Want to see?
Would you like {value} too?
May I suggest {value}?
Should we give {value} a try?
{value} might suit this face. Shall I?
How do you feel about {value}?
Want to see it with {value}?
""")
NOTHING = _lines("""
Okay, nothing changed.
Alright, I left everything as it is.
Fine, it stays as it is.
No problem.
Ok.
Sure.
""")
NO_PROBLEM = _lines("""
No problem.
Okay, we leave that.
Alright, no.
Fine, let's leave it.
Ok, not that then.
Sure, we skip that.
""")
THANKS = _lines("""
You're welcome!
My pleasure.
Glad you like it.
Happy to help.
Any time.
With pleasure.
""")
PRAISE = _lines("""
Glad you like it.
I'm happy that you like it.
That's nice to hear.
Great!
Wonderful.
""")
MENTION = _lines("""
I see.
Interesting!
Oh, nice.
Good to know.
""")
COMPLAINT = _lines("""
Sorry about that. You can say "undo", or name what I should take off.
I'm sorry. Tell me what to take off, or say "undo".
Hmm, sorry. What should I change back?
Sorry to hear that. Should I undo something?
""")
HELLO = _lines("""
Hello! Tell me what to change in the face.
Hi! What would you like to edit?
Hello! What shall we change?
Nice to chat. What would you like to edit?
I'm all ears. What would you like to change?
Okay! Just tell me what to edit.
""")
VAGUE = _lines("""
Gladly. Could you tell me a bit more precisely what you would like?
What exactly would you like to change?
I'd love to. What do you have in mind?
Sure, which change would you like?
Of course, but which one?
""")
YES_WHAT = _lines("""
Great, what would you like?
Good. What exactly would you like?
Sure, what shall it be?
Okay, tell me what you have in mind.
""")
ANSWERS: dict[str, tuple[str, ...]] = {
    "q_can": _lines("""
I can change the expression, the hair color, the hairstyle, the beard and the makeup. Just tell me what you like.
You can ask me for another expression, hair color, hairstyle, a mustache or a goatee, and makeup.
I edit faces: expression, hair color, hairstyle, beard and makeup. You can also say "undo" or "start over".
Expression, hair color, hairstyle, beard and makeup: those are my subjects.
"""),
    "q_hair color": _lines("""
I can do brown, blond, black and gray hair. Which one would you like?
There are brown, blond, black and gray.
Brown, blond, black or gray: your choice.
"""),
    "q_hairstyle": _lines("""
I can do straight hair, wavy hair, bangs, sideburns and a receding hairline. Which one would you like?
There are straight hair, wavy hair, bangs, sideburns and a receding hairline.
Straight or wavy hair, bangs, sideburns or a receding hairline: your choice.
"""),
    "q_expression": _lines("""
I can do smiling, angry, sad and not smiling. Which one would you like?
A smile, an angry look, a sad look or a straight face: your choice.
There are smiling, angry, sad and not smiling.
"""),
    "q_beard": _lines("""
I can do a mustache and a goatee. Which one would you like?
There are a mustache and a goatee, or both for a full beard.
A mustache or a goatee: your choice.
"""),
    "q_makeup": _lines("""
I can do heavy makeup, no makeup, lipstick, earrings, bushy eyebrows, big lips, rosy cheeks and pale skin.
There are lipstick, rosy cheeks, pale skin, earrings, bushy eyebrows, big lips, heavy makeup or none at all.
"""),
    "q_undo": _lines("""
Yes, just say "undo", or name what I should take off. "Start over" brings back the original.
You can say "undo" as often as you like, and "redo" to bring it back.
Of course: "undo" takes back the last change, "start over" takes back all of them.
"""),
    "q_other": _lines("""
I'm a program that edits faces by talking. Your photo stays on this machine.
I can only help with the picture: expression, hair, beard and makeup. What would you like to change?
Good question, but I only know about editing this face. What would you like to change?
I'm the editor of this picture, a program. What shall we change?
"""),
}
STATE_SOME = _lines("""
So far you have {state}.
These edits are active: {state}.
At the moment: {state}.
We have {state} so far.
""")
STATE_NONE = _lines("""
Nothing so far, this is the original photo.
No edits yet. What would you like to change?
We haven't changed anything yet.
""")
CANNOT: dict[str, tuple[str, ...]] = {
    "u_beard": _lines("""
I can do a mustache or a goatee. Which one would you like?
For the beard I have a mustache and a goatee. Which one, or both?
Do you mean a mustache, a goatee, or both?
"""),
    "u_dark": _lines("""
I can do brown, black, blond or gray hair. Which one do you mean?
Black or brown? Or blond or gray?
Which color exactly: black, brown, blond or gray?
"""),
    "u_color": _lines("""
Sorry, I can't do that hair color. I can do brown, blond, black or gray.
I'm afraid that color is not possible. Brown, blond, black and gray are.
That color I don't have, sorry. How about brown, blond, black or gray?
"""),
    "u_wish": _lines("""
Sorry, I can't do that. I can change the expression, hair, beard and makeup.
I'm afraid that's beyond me. Expression, hair color, hairstyle, beard and makeup are possible.
That is not possible here, sorry. What else would you like to try?
Sorry, that is not something I can edit. Would you like to try something else?
"""),
    "foreign": _lines("""
Sorry, I only understand English so far. Could you say that in English?
I'm sorry, I speak English only. Could you try again in English?
Unfortunately I only know English. Please tell me in English what to change.
"""),
}
