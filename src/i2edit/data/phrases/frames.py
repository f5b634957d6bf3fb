"""Sentence frames of user turns, by what they do. One family a line; families, not sentences, are split into train,
validation and test by a seeded hash, so that a test sentence was never met in training.

``np n adj vps vpe`` in braces are filled from wording.py; ``self:`` lines are for the person speaking, ``other:`` for others.
"""

from __future__ import annotations

import hashlib

_FRAMES: dict[str, str] = {}

# One request, by the kind of wording that fills it ------------------------------------------------------------------
_FRAMES["np"] = """
Give {me} {np}.
Please give {me} {np}.
Can you give {me} {np}?
Could you give {me} {np}, please?
Add {np}.
Please add {np}.
Can you add {np}?
Could you add {np} for {me}?
I want {np}.
I'd like {np}.
I would like to have {np}.
I would love {np}.
I want to have {np}.
I want to see {np}.
Can I have {np}?
Can I get {np}?
Could I get {np} please?
May I have {np}?
How about {np}?
What about {np}?
Let's try {np}.
Let's do {np}.
Let's go with {np}.
Let's go for {np}.
Let's add {np}.
Let's see {np}.
Let's have {np}.
{np} please.
{np}, please!
{np}
{np}, thanks.
Put {np} on {me}.
Try {np}.
Try adding {np}.
Maybe {np}?
Maybe add {np}.
Perhaps {np} would look good.
I think {np} would look good on {me}.
I think {me} with {np} would look great.
I'm thinking {np}.
I fancy {np}.
I feel like {np}.
I need {np}.
I could use {np}.
{np} would be nice.
{np} would be great.
{np} would suit {me}.
Make it {np}.
Make {me} have {np}.
I wonder how {me} would look with {np}.
I wonder what {np} would look like on {me}.
Show {me} with {np}.
Show me {np}.
Show me what {np} looks like.
Now {np}.
Now give {me} {np}.
Now add {np}.
Next, {np}.
And {np}.
And now {np}.
Also {np}.
Also add {np}.
I'd also like {np}.
Then {np}.
Throw in {np}.
Throw {np} in there.
Slap {np} on {me}.
Hit {me} with {np}.
Hook {me} up with {np}.
Gimme {np}.
wanna see {np}
I wanna have {np}.
pls {np}
plz add {np}
yo give {me} {np}
Is it possible to have {np}?
Is it possible to add {np}?
Would it be possible to get {np}?
Would you mind adding {np}?
Would you be so kind as to add {np}?
Kindly add {np} to the picture.
Be a dear and give {me} {np}.
I was wondering if you could add {np}.
I was hoping for {np}.
I've always wanted {np}.
I would prefer {np}.
I'd rather have {np}.
I have decided on {np}.
I choose {np}.
My choice is {np}.
Apply {np}.
Set {np}.
Use {np}.
Include {np}.
Generate {np}.
Edit the photo to have {np}.
Edit the picture so that there is {np}.
Change the photo so it shows {np}.
Change it to {np}.
Switch to {np}.
Go for {np}.
Do {np}.
Do {np} for {me}.
do me {np}
I want see {np}
I like have {np} please
make for {me} {np}
You can put {np}?
please you put {np} on {me}
Can the face have {np}?
The face should have {np}.
This photo needs {np}.
This face needs {np}.
What this picture needs is {np}.
All that's missing is {np}.
Can we try {np}?
Can we see {np}?
Can we do {np}?
Could we maybe try {np}?
Shall we try {np}?
Why don't we try {np}?
Why not {np}?
Why not try {np}?
Go ahead and add {np}.
Bring on {np}.
Just {np}.
Just give {me} {np}.
Just add {np}, nothing else.
What would {me} look like with {np}?
How would {me} look with {np}?
Picture {me} with {np}.
Imagine {me} with {np} and show it.
I want {me} with {np}.
I'd love to see {me} with {np}.
I bet {np} would look awesome.
Give the face {np}.
Give this picture {np}.
The photo would be better with {np}.
It would be better with {np}.
It needs {np}.
self: I should have {np}.
self: I want to try {np}.
self: I'd like to try {np}.
self: I'd like to see myself with {np}.
self: I want to look like I have {np}.
self: I want to see how I'd look with {np}.
self: Let me have {np}.
self: Let me try {np}.
self: Let me see myself with {np}.
self: Could I try {np}?
self: What would I look like with {np}?
self: How would I look with {np}?
self: I'm in the mood for {np}.
self: My stylist recommended {np}.
self: My girlfriend wants me to have {np}.
other: I want {me} to have {np}.
other: {me} should get {np}.
other: I'd like {me} to get {np}.
other: Let {me} have {np}.
other: Can {me} have {np}?
"""
_FRAMES["adj"] = """
Make {me} {adj}.
Please make {me} {adj}.
Can you make {me} {adj}?
Could you make {me} {adj}, please?
Make {me} look {adj}.
Can you make {me} look {adj}?
Could you make {me} look {adj}?
Please make {me} look {adj}.
Let's make {me} {adj}.
Let's make {me} look {adj}.
Try to look {adj}.
Try making {me} {adj}.
I want {me} to look {adj}.
I want {me} to be {adj}.
I'd like {me} to look {adj}.
I would like {me} to be {adj}.
{adj} please.
{adj}
I want {me} {adj}.
I'd like to see {me} {adj}.
I would love to see {me} looking {adj}.
Show me {me} looking {adj}.
What would {me} look like {adj}?
Turn {me} {adj}.
How about {adj}?
Let's go {adj}.
Let's try {adj}.
More on the {adj} side.
The face should look {adj}.
Change the picture so {me} will look {adj}.
Edit it to look {adj}.
Now make {me} {adj}.
Now {adj}.
Next, make {me} look {adj}.
Also make {me} {adj}.
make it look {adj}
Could {me} be {adj}?
Can we get {me} to look {adj}?
Is it possible to make {me} {adj}?
Would you mind making {me} look {adj}?
you make {me} {adj} please
I need {me} looking {adj}.
I think {me} should be {adj}.
Something {adj} would be nice.
self: I want to look {adj}.
self: I want to be {adj}.
self: I'd like to look {adj}.
self: I'd like to be {adj}.
self: I wanna look {adj}.
self: Let me look {adj}.
self: I should look {adj}.
self: I need to look {adj}.
self: Can I look {adj}?
self: Could I be {adj}?
self: I'd love to be {adj}.
self: How would I look {adj}?
self: I wish I looked {adj}.
self: I want to see myself {adj}.
self: Let me be {adj}.
other: {me} should look {adj}.
other: Let {me} look {adj}.
other: Let {me} be {adj}.
"""
_FRAMES["vps"] = """
Make {me} {vps}.
Please make {me} {vps}.
Can you make {me} {vps}?
Could you make {me} {vps}?
Could you make {me} {vps} please?
{vps}
{vps} please.
Please {vps}.
Let {me} {vps}.
Let's make {me} {vps}.
Let's have {me} {vps}.
I want {me} to {vps}.
I'd like {me} to {vps}.
I would love to see {me} {vps}.
I'd like to see {me} {vps}.
Have {me} {vps}.
Get {me} to {vps}.
Can we have {me} {vps}?
Can you get {me} to {vps}?
Now make {me} {vps}.
Now {vps}.
Also make {me} {vps}.
Next, make {me} {vps}.
Show {me} what it's like to {vps}.
Try making {me} {vps}.
Is it possible to make {me} {vps}?
Would you mind making {me} {vps}?
What if you made {me} {vps}?
I need {me} to {vps}.
It'd be nice to {vps}.
How about we make {me} {vps}?
i want {me} {vps}
Try to {vps}.
Just make {me} {vps}.
Maybe {vps}?
self: I want to {vps}.
self: I'd like to {vps}.
self: I would like to {vps}.
self: I wanna {vps}.
self: I should {vps}.
self: Can I {vps}?
self: I'd love to {vps}.
self: I'd rather {vps}.
self: I think I should {vps}.
self: What if I {vps}?
other: {me} should {vps}.
other: Can {me} {vps}?
other: {me} needs to {vps}.
"""
_FRAMES["vpe"] = """
{vpe}
{vpe}.
Please {vpe}.
{vpe} please.
Can you {vpe}?
Could you {vpe}?
Could you please {vpe}?
Can you {vpe} please?
Would you {vpe}?
Would you {vpe} for me?
I want you to {vpe}.
I'd like you to {vpe}.
I'd like to {vpe}.
I want to {vpe}.
Let's {vpe}.
Now {vpe}.
Next, {vpe}.
Also {vpe}.
And {vpe}.
Go ahead and {vpe}.
Maybe {vpe}?
How about you {vpe}?
Why don't you {vpe}?
Try to {vpe}.
I need you to {vpe}.
Is it possible to {vpe}?
It would be great if you could {vpe}.
I think you should {vpe}.
Just {vpe}.
Kindly {vpe}.
Could we {vpe}?
Can we {vpe}?
Shall we {vpe}?
What if we {vpe}?
pls {vpe}
Then {vpe}.
Feel free to {vpe}.
I was wondering if you could {vpe}.
Would it be possible to {vpe}?
"""
# Degrees ------------------------------------------------------------------------------------------------------------
_FRAMES["less_new"] = """
A tiny {n}.
A small {n}.
A faint {n}.
A slight {n}.
A subtle {n}.
A slight {n} please.
Just a tiny {n}.
Give {me} a slight {n}.
Give {me} a tiny {n}.
A smidge of {n}.
A smidgen of {n} please.
A hint of {n}.
A touch of {n}.
A dab of {n}.
A bit of {n}.
A bit of {n} please.
Give {me} a bit of {n}.
Add a bit of {n}.
Add a touch of {n}.
Just a hint of {n}.
A little {n}.
Just a little {n}.
A little bit of {n} would be nice.
I'd like a touch of {n}.
I want a little bit of {n}.
Some subtle {n}.
Give {me} some subtle {n}.
Slight {n} please.
Give {me} slight {n}.
Light {n}.
A tiny bit of {n}.
Maybe a bit of {n}?
Could you add a slight {n}?
Give {me} a faint {n}.
Try a subtle {n}.
Let's add a dash of {n}.
I'd like a subtle {n}, nothing crazy.
Add {n}, but only slightly.
Add {n}, but keep it subtle.
{n}, just a bit.
{n}, but not too much.
a wee bit of {n}
Let's do {n}, subtle.
Make {me} {vps} a bit.
Make {me} {vps} a little.
{vps} a bit
{vps} a little
Make {me} {vps} slightly.
Can you make {me} {vps} just a little?
I want {me} to {vps} a tiny bit.
Make {me} a bit {adj}.
Make {me} slightly {adj}.
Make {me} look a little {adj}.
Make {me} look a tad {adj}.
I want {me} to look a little bit {adj}.
{vpe} a bit.
{vpe} a little.
{vpe}, just slightly.
Could you {vpe} a tiny bit?
Please {vpe} just a touch.
"""
_FRAMES["less_old"] = """
The {n} is a bit much.
The {n} is a bit much, tone it down.
The {n} is a little too much.
The {n} is over the top, calm it down.
Make the {n} a bit softer.
Make the {n} weaker.
Make the {n} a little less strong.
Can you make the {n} more subtle?
Gentler {n}.
Less {n}.
Less {n} please.
A bit less {n}.
A little less {n}, please.
Softer {n}.
Make the {n} softer.
Make the {n} more subtle.
Tone down the {n}.
Tone the {n} down a bit.
Can you tone down the {n}?
Dial back the {n}.
Dial down the {n} a little.
Not so much {n}.
The {n} is too much.
The {n} is a bit too strong.
The {n} is too strong, make it weaker.
Reduce the {n}.
Reduce the {n} a bit.
Turn down the {n}.
Weaken the {n}.
Could the {n} be less intense?
I'd like less {n}.
Make the {n} less obvious.
Lighter on the {n}.
Go easier on the {n}.
Soften the {n}.
Tame the {n}.
The {n} should be weaker.
The {n} could be more subtle.
Too much {n}, tone it down.
way less {n}
Much less {n}.
"""
_FRAMES["more"] = """
Bigger {n}.
A bigger {n}.
Make the {n} bigger.
An even stronger {n}.
A stronger {n} please.
Even more {n}.
More of the {n}.
Make the {n} a bit stronger.
More {n}.
More {n} please.
A bit more {n}.
A little more {n}.
Some more {n}, please.
Give {me} more {n}.
Make the {n} stronger.
Make the {n} more intense.
Make the {n} more obvious.
Can you make the {n} stronger?
Increase the {n}.
Intensify the {n}.
Boost the {n}.
Turn up the {n}.
I'd like more {n}.
I want more {n}.
Can I have a bit more {n}?
The {n} could be stronger.
The {n} is too weak, make it stronger.
I can barely see the {n}, more please.
Stronger {n}.
Push the {n} further.
Amp up the {n}.
Add more {n}.
Need more {n}.
Make {me} {vps} more.
{vps} more
Make {me} {vps} some more.
{vps} a bit more
Make {me} more {adj}.
Make {me} even more {adj}.
Make {me} very {adj}.
Make {me} really {adj}.
I want to look very {adj}.
"""
_FRAMES["much"] = """
Much bigger {n}.
Much stronger {n}.
Way stronger {n}.
So much more {n}.
Even a lot more {n}.
Much more {n}.
Way more {n}.
A lot more {n}.
Lots more {n}!
Give {me} much more {n}.
I want far more {n}.
Make the {n} much stronger.
Make the {n} way stronger.
Go crazy with the {n}.
Crank up the {n} to the max.
Maximum {n}.
As much {n} as you can.
Make {me} {vps} a lot more.
Make {me} {vps} much more.
Make {me} extremely {adj}.
Make {me} super {adj}.
Make {me} look insanely {adj}.
Tons more {n}.
{n} to the max!
Really crank up the {n}.
"""
# Degrees of what was just talked about
_FRAMES["bring_back"] = """
Bring the {n} back.
Bring back the {n}.
I want the {n} back.
Put the {n} back on.
Put the {n} back.
Can I have the {n} back?
Actually, bring the {n} back.
Give {me} the {n} again.
Add the {n} again.
The {n} again please.
I miss the {n}, put it back.
Let's have the {n} again.
Hmm, I liked the {n}, bring it back.
Return the {n} please.
"""
_FRAMES["both_off"] = """
Take both off.
Remove both.
Remove both of them.
Take them both off again.
Lose both.
Take them off again.
Remove them again.
Get rid of them.
I don't like them, take them off.
Neither of those, remove them.
Remove those two.
Drop both of those.
"""
_FRAMES["it_less"] = """
A smidge less.
A tad less please.
Slightly less.
Ok that is too much.
That is way too much.
Hmm, a bit too strong.
Make it softer.
More subtle.
More subtle please.
Less please.
A bit less.
A little softer.
Softer.
Tone it down a bit.
That's too much.
That's a bit too much.
Too strong, make it softer.
Not that much.
Make it more subtle.
Could you make it a bit weaker?
Dial it down.
Slightly less of that.
Reduce it a bit.
It's too intense.
Whoa, less.
Can it be more subtle?
A bit gentler please.
"""
_FRAMES["it_more"] = """
A smidge more.
A tad more.
Slightly more.
A little bit more please.
More of that.
More!
I want more of it.
Give me more.
Could it be a bit stronger?
More.
More please.
A bit more.
A little more.
Even more.
Stronger.
Make it stronger.
Make it more intense.
I can hardly see it, more.
Not enough.
Some more of that.
Can you push it further?
Turn it up.
Increase it a bit.
It's too weak.
It could be stronger.
Again, but more.
Go further.
"""
_FRAMES["it_much"] = """
Much more.
Way more!
A lot more.
Much stronger.
Make it much stronger.
Crank it up.
To the max!
Way stronger please.
Go all the way.
Lots more.
"""
_FRAMES["it_off"] = """
Take it off again.
Remove it.
Remove that.
Remove that again please.
Actually lose that.
Get rid of it.
I don't like it, take it off.
Nope, take that away.
Hmm no, remove that.
Take that off.
I don't want that after all.
Not a fan, remove it.
Ugly, get rid of that.
Drop it.
Drop that last thing.
Lose it.
Without that please.
Please take that back out.
Don't keep that.
That one looks bad, leave it out.
Forget that one.
It doesn't suit me, remove it.
"""
# Withdrawals --------------------------------------------------------------------------------------------------------
# "off" is for things one can take off; for a smile these words mean "no smiling", so it has "cancel" only.
_FRAMES["off"] = """
Actually lose the {n}.
Lose the {n}.
Remove the {n}.
Please remove the {n}.
Can you remove the {n}?
Could you remove the {n} again?
Take the {n} off.
Take the {n} off again.
Take off the {n}.
Take away the {n}.
Take the {n} out.
Get rid of the {n}.
Drop the {n}.
Ditch the {n}.
No {n}.
No {n} please.
No {n} after all.
No more {n}.
I don't want the {n} anymore.
I don't want {n}.
I don't want any {n}.
I don't like the {n}.
I don't like the {n}, take it away.
The {n} has to go.
The {n} needs to go.
Without the {n}.
Without {n} please.
I'd rather not have the {n}.
I've changed my mind about the {n}, remove it.
On second thought, no {n}.
Actually, no {n}.
Hmm, the {n} doesn't suit me, take it off.
Don't add {n}.
Please don't give {me} {n}.
I don't need {n}.
I don't want to see the {n}.
Stop it with the {n}.
Bin the {n}.
Chuck the {n}.
Nix the {n}.
Lose the {n} again.
I'm tired of the {n}.
I hate the {n}.
I changed my mind, no {n}.
Not the {n}.
Not the {n} please.
The {n} doesn't work for me.
Remove the {n} you added.
Could you take the {n} away?
Please take off the {n} again.
Delete the {n}.
Erase the {n}.
Get {n} off {me}.
Leave out the {n}.
Scrap the {n}.
Skip the {n}.
Never mind the {n}, remove it.
Can we get rid of the {n}?
I'm not feeling the {n}.
The {n} looks bad.
The {n} looks weird, get rid of it.
Bye bye {n}.
Off with the {n}.
Let's remove the {n}.
Let's lose the {n}.
Now remove the {n}.
{n} off
remove {n}
no {n}
"""
_FRAMES["cancel"] = """
Forget the {n}.
Forget the {n}, leave it as in the photo.
Forget about the {n}.
Never mind the {n}.
Undo the {n}.
Undo the {n} please.
Cancel the {n}.
Revert the {n}.
{n}: back to normal.
{n}: back to how it was.
Put it back to how it was before the {n}.
Take back the {n}.
Scratch the {n}.
Go back on the {n}, original please.
As for the {n}, leave that as in the photo.
The {n} should be like in the original photo.
Undo the {n} edit.
Reverse the {n} change.
Withdraw the {n}.
No need for the {n} after all.
I take back the {n}.
Disregard the {n}.
Please cancel the {n} thing.
Restore the original, I mean without the {n}.
"""
_FRAMES["part_back"] = """
{part}: back to normal.
{part} back to normal please.
Put the {part} back to normal.
Put the {part} back to how it was.
Leave the {part} as in the photo.
Leave the {part} like in the original.
Undo the {part}.
Undo everything about the {part}.
Reset the {part}.
Revert the {part}.
Restore the {part}.
Restore my original {part}.
Give {me} {my} own {part} back.
I want {my} original {part} back.
I want {my} natural {part} back.
Forget the {part}.
Take back the {part} changes.
Return the {part} to what it was.
The {part} should be as it was.
The {part} should look like in the original photo.
Remove the {part} edits.
Cancel all {part} edits.
No changes to the {part} after all.
Make the {part} normal again.
Change the {part} back.
original {part} please
"""
_FRAMES["clean_shaven"] = """
Clean-shaven please.
I want to be clean-shaven.
Make him clean shaven.
Clean shaven.
Shave the face.
Shave it all off.
Give me a shave.
Shave off the facial hair.
No facial hair.
Get rid of all the facial hair.
Remove the beard.
Take the beard off.
Lose the beard.
No beard.
I'd like a clean-shaven look.
Let's go clean-shaven.
A smooth shave please.
Time for the razor, shave everything.
"""
_FRAMES["keep_only"] = """
Remove everything but the {n}.
Remove everything except the {n}.
Take everything off but the {n}.
Everything off except for the {n}.
Keep only the {n}.
Keep the {n} and drop the rest.
Just keep the {n}, remove everything else.
Undo everything but the {n}.
Undo everything except the {n}.
Reset everything apart from the {n}.
Only the {n} should stay.
Lose everything but the {n}.
Drop all of it except the {n}.
Everything but the {n} can go.
I only want to keep the {n}.
Leave the {n}, get rid of all the other changes.
The {n} stays, the rest goes.
"""
_FRAMES["no_mood"] = """
Stop being {adj}.
Don't be so {adj}.
Don't look so {adj}.
I don't want to look {adj} anymore.
I don't want {me} to look {adj}.
No longer {adj} please.
Stop looking {adj}.
Not {adj} anymore.
{me} shouldn't look {adj}.
Enough of looking {adj}.
Quit being {adj}.
Don't make {me} {adj} anymore.
"""
_FRAMES["no_makeup_except"] = """
No makeup except {n}.
No makeup except for the {n}.
No makeup apart from {n}.
No make-up but {n}.
Take off all the makeup except the {n}.
Remove the makeup, but keep the {n}.
Take the makeup off, only leave the {n}.
A bare face with just {n}.
A natural face, only {n}.
No makeup, just {n}.
No makeup other than {n}.
All makeup off but the {n}.
"""
_FRAMES["full_beard"] = """
A full beard.
A full beard please.
Give {me} a full beard.
I want a full beard.
I'd like a full beard.
Can I have a full beard?
Add a full beard.
Let's try a full beard.
How about a full beard?
Grow {me} a full beard.
Make it a full beard.
Put a full beard on {me}.
I'd love to see {me} with a full beard.
Full beard.
"""
# Two things in one sentence -----------------------------------------------------------------------------------------
_FRAMES["correct"] = """
{a}, no wait, {b}.
{a}... no wait, {b}.
{a}, no, {b}.
{a}, I mean {b}.
{a}, sorry, I meant {b}.
{a}, actually {b}.
{a}, or rather {b}.
{a}, scratch that, {b}.
{a}, hmm, no, make that {b}.
I want {a}, no wait, {b}.
I'd like {a}, actually no, {b}.
Give {me} {a}, no, {b}.
Give {me} {a}. Wait, no, {b}.
Add {a}. Actually, make that {b}.
Make it {a}... on second thought, {b}.
How about {a}? Hmm, no, {b} instead.
Let's try {a}, oh wait, I'd prefer {b}.
{a} please. Oops, I meant {b}.
{a}? nah, {b}
I was going to say {a}, but let's go with {b}.
I was thinking about {a} but {b} is better, do that.
At first I wanted {a}, but now I want {b}.
Not {a}, {b}.
Not {a} but {b}.
Not {a}, I want {b}.
{b}, not {a}.
I want {b}, not {a}.
I said {b}, not {a}.
I wanted {b} and not {a}.
"""
_FRAMES["swap"] = """
{b} instead of {a}.
{b} instead of the {a}.
I'd like {b} instead of the {a}.
Give {me} {b} instead of the {a}.
Replace the {a} with {b}.
Please replace the {a} with {b}.
Can you replace the {a} with {b}?
Swap the {a} for {b}.
Exchange the {a} for {b}.
Switch from {a} to {b}.
Change the {a} to {b}.
Lose the {a} and give {me} {b}.
Remove the {a} and add {b}.
Take off the {a}, add {b} instead.
Drop the {a}, I want {b}.
I don't want {a}, I want {b}.
No {a}, {b} instead.
Rather than the {a}, {b}.
I prefer {b} over the {a}.
Trade the {a} for {b}.
Forget the {a}, try {b}.
"""
_FRAMES["hands_off"] = """
Don't touch the {part}, just {b}.
Don't touch the {part}, just give {me} {b}.
Don't change the {part}, just add {b}.
Leave the {part} alone and give {me} {b}.
Leave the {part} as it is, but {b} please.
Keep the {part} as it is and add {b}.
Keep the {part}, but add {b}.
Without touching the {part}, add {b}.
Without changing the {part}, give {me} {b}.
I like the {part} the way it is, but I want {b}.
The {part} is fine, I just want {b}.
{b}, but don't touch the {part}.
{b}, but leave the {part} alone.
{b}, and keep the {part} please.
Add {b} but keep my {part} the same.
Just {b}, don't mess with my {part}.
Only {b}, the {part} stays.
"""
_FRAMES["keep_it"] = """
Keep the {n}.
Keep the {n}!
I like the {n}, keep it.
The {n} looks great.
I love the {n}.
The {n} can stay.
Don't remove the {n}.
Don't touch the {n}.
Nice {n}!
Wow, the {n} looks good.
Leave the {n} as it is.
That {n} is perfect.
"""
# Steps --------------------------------------------------------------------------------------------------------------
_FRAMES["undo"] = """
Undo.
undo
Undo that.
Undo that please.
Undo it.
Undo the last change.
Undo the last edit.
Undo my last request.
Undo the last step.
Go back.
Go back one step.
Go one step back.
One step back please.
Step back.
Take that back.
Take back the last change.
Revert that.
Revert the last change.
Reverse the last edit.
Can you undo that?
Could you undo the last change?
Please undo the last thing.
Go back to the previous version.
Go back to the previous one.
Back to the previous picture please.
Return to the one before.
The previous version was better.
The one before was better, go back.
I liked the previous one better, go back.
I preferred it before.
It was better before.
Hmm, no, go back.
Oops, undo.
No no, undo that.
ctrl z
Ctrl+Z
Roll back.
Roll it back.
Cancel the last change.
Cancel that.
Never mind, undo.
Let's go back.
Put it back the way it was before.
I'd like to go back.
Back.
Back up one step.
"""
_FRAMES["undo2"] = """
Undo twice.
Undo that twice.
Undo two times.
Undo the last two changes.
Undo the last two edits.
Undo the last 2 steps.
Undo two steps.
Go back two steps.
Two steps back.
Take back the last two changes.
Revert the last two edits.
Undo, and undo again.
Undo and undo once more.
Go back twice.
Go two versions back.
Please undo the last two things.
undo x2
Roll back two changes.
Cancel the last two changes.
"""
_FRAMES["undo3"] = """
Undo three times.
Undo the last three changes.
Undo the last 3 steps.
Go back three steps.
Three steps back.
Take back the last three changes.
Revert the last three edits.
undo x3
Roll back three changes.
Undo three steps please.
"""
_FRAMES["redo"] = """
Redo.
redo
Redo that.
Redo it please.
Redo the last change.
Redo what I just undid.
Undo the undo.
Bring it back.
Bring that back.
Put that back.
Actually, put it back.
Actually, bring that back.
Go forward again.
One step forward.
Step forward.
Forward again please.
No wait, the undone version was better, redo.
Oh no, I want that back.
I changed my mind, redo.
Reapply it.
Reapply the last change.
Restore what you just undid.
Ctrl+Y
Hmm, it was better after all, redo.
"""
_FRAMES["reset"] = """
Start over.
Let's start over.
Start over please.
Start again.
Start from scratch.
Let's start from scratch.
Reset.
Reset everything.
Reset it.
Reset the picture.
Reset all changes.
Undo everything.
Undo all of it.
Undo all changes.
Remove everything.
Remove all edits.
Remove all the changes.
Clear everything.
Clear all.
Back to the original.
Back to the original photo.
Go back to the original photo.
Back to square one.
Back to the beginning.
Take everything off.
Take it all off.
Discard all the changes.
Throw it all away.
Forget everything.
Forget all that and start anew.
I want the original picture back.
Give me my original face back.
Restore the original.
Restart.
Can we start over?
Could you reset everything?
Let's begin again.
Wipe the slate clean.
Scrap it all.
"""
# Answers to the last reply ------------------------------------------------------------------------------------------
_FRAMES["yes"] = """
Yes.
yes
Yes please.
Yes, please!
Yep.
Yep sure.
Yeah.
yeah
Yeah sure.
Sure.
Sure thing.
Sure, why not.
Why not?
OK.
ok
Okay.
Okay, do it.
Ok, let's do that.
Ok let's try.
Of course.
Absolutely.
Definitely.
Please do.
Do it.
Go ahead.
Go for it.
Let's do it.
Let's try it.
Let's try that.
Sounds good.
Sounds great!
Good idea.
Great idea!
That would be nice.
That sounds nice.
I'd like that.
I'd love that.
Oh yes!
Alright.
All right, try it.
Fine.
Fine, try it.
Yes, I'd like to see that.
Yes, that would be great.
You read my mind, yes.
Exactly.
Perfect, do that.
yup
ya
yes pls
Worth a try.
By all means.
Show me.
Yes let's see it.
Hmm, okay then.
I guess so.
"""
_FRAMES["no"] = """
No.
no
No thanks.
No, thank you.
No thank you!
Nope.
nope
Nah.
nah
Nah, I'm good.
Not really.
Not now.
Not today.
Not for me.
I don't think so.
Rather not.
I'd rather not.
No need.
No, leave it.
No, it's fine as it is.
No, that's not for me.
Please don't.
Don't do that.
Definitely not.
No way.
Absolutely not.
I'll pass.
Pass.
Hmm, no.
Maybe later.
Maybe another time.
Not interested.
Never.
That's not my style.
I don't want that.
Let's not.
God no.
Thanks, but no.
"""
_FRAMES["no_alt"] = """
No, {b}.
No, {b} instead.
No, rather {b}.
No thanks, {b} please.
Nah, {b}.
No, but {b} would be nice.
No, I'd prefer {b}.
No, I'd rather have {b}.
Rather {b}.
I'd rather have {b}.
I'd prefer {b}.
Not that, but {b}.
Not that. Give {me} {b}.
Hmm, no. What about {b}?
No, let's try {b}.
No, let's do {b} instead.
Nope, give {me} {b}.
{b} instead.
No, {b} would be better.
I don't think so. But {b} would be great.
Maybe {b} instead?
Not really, {b} is more my style.
"""
_FRAMES["yes_value"] = """
Yes, {b}.
Yes, {b} please.
Yes please, {b}.
Yes, give {me} {b}.
Yes, I want {b}.
Yes, I'd like {b}.
Yes, let's try {b}.
Yep, {b}.
Yep sure. I want {b}.
Yeah, {b} please.
Sure, {b}.
Sure, let's do {b}.
Ok, {b}.
Okay, give {me} {b}.
Good idea, {b}.
Yes. Make it {b}.
Of course. {b} please.
Definitely, {b}.
Sure, how about {b}?
{b}
{b} please
{b}.
Yes, maybe {b}?
I think {b}.
Hmm, {b}.
"""
_FRAMES["yes_and"] = """
Yes, and {b} too.
Yes, and also {b}.
Yes please, and {b}.
Yes, plus {b}.
Sure, and add {b} too.
Sure, and {b} as well.
OK, and {b}.
Yes, do that, and give {me} {b}.
Yeah, and {b} please.
Good idea, and {b} as well.
Both that and {b}.
Okay, let's do that and {b}.
"""
_FRAMES["yes_less"] = """
Yes, but just a bit.
Yes, but only a little.
Yes, a little bit.
Ok, but subtle.
Sure, but not too much.
Just a little.
Only a bit.
A little, yes.
Yeah, slightly.
Okay, just a touch.
"""
_FRAMES["both"] = """
Both.
Both please!
both
Both of them.
Let's do both.
I want both.
I'll take both.
Give {me} both.
Can I have both?
Why not both?
Both, please.
"""
_FRAMES["first"] = """
The first one.
The first one please.
The former.
First one.
Let's go with the first one.
The first.
Number one.
I'd take the first.
"""
_FRAMES["second"] = """
The second one.
The second one please.
The latter.
Second one.
Let's go with the second one.
The second.
Number two.
I'd take the second.
"""
_FRAMES["either_or"] = """
Should I go for {a} or {b}?
Would {a} or {b} look better?
What is better, {a} or {b}?
{a} or {b}?
Do you think {a} or {b} would suit me?
I can't decide between {a} and {b}.
I'm torn between {a} and {b}.
Either {a} or {b}, not sure yet.
{a} or {b}, what do you think?
Hmm, {a} or {b}?
Which one would suit me more, {a} or {b}?
I am not sure if I want {a} or {b}.
"""
_FRAMES["can_you_value"] = """
Would {n} suit me?
Do you think {n} would look good on me?
Does {n} suit me?
Would I look silly with {n}?
Is {n} fashionable?
Is {n} something you can do?
Are you able to do {n}?
Do you support {n}?
Do you know how to do {n}?
Is {n} in your repertoire?
What does {n} mean?
What is {n}?
Do I have {n} now?
Is there {n} already?
Did you add {n}?
How strong is the {n} now?
Does the picture have {n} at the moment?
"""


def family_id(category: str, frame: str) -> str:
    """A short stable name of a family: its category and a hash of its frame."""
    return f"{category}-{hashlib.sha1(frame.encode()).hexdigest()[:8]}"


FRAMES: dict[str, tuple[str, ...]] = {
    category: tuple(line.strip() for line in text.strip().splitlines() if line.strip())
    for category, text in _FRAMES.items()
}
