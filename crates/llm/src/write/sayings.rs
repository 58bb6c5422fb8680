//! Sentences that frame a subject without stating facts about it.
//!
//! `{topic}` is the subject as the request says it, `{short}` its short form, `{aspect}` one part of it,
//! `{readers}` the audience, `{kind}` the kind of content. They stand where number and article of what
//! fills them do not matter.

/// What the subject means here.
pub const CONTEXT: &[&str] = &[
    "A conversation about {topic} goes better when everyone starts from the same picture of what the subject includes.",
    "Before opinions come in, it is worth separating three things: what is known, what is assumed and what still has to be found out.",
    "Anything that depends on outside evidence is put as a question here, so that nobody mistakes a guess for a fact.",
    "This {kind} stays close to what can be said with a straight face and leaves the rest open on purpose.",
    "The scope is narrow by choice, because a short honest answer beats a broad one that cannot be checked.",
    "Think of the next paragraphs as a map of {short}: the main roads are drawn, the side streets are left for later.",
    "The plainest way into {short} is to ask what would look different tomorrow if it went well.",
    "Words matter here, so everyday language is used for {short}, the way {readers} would talk about it.",
    "It helps to name the starting point first and the destination second, and only then the route between them.",
];

/// Why it matters.
pub const STAKES: &[&str] = &[
    "For {readers}, the value of looking at {topic} lies in the decisions it informs, not in the vocabulary around it.",
    "A useful test is simple: name one decision that would change if your view of {short} changed.",
    "If no decision changes, the matter can wait; if several do, it deserves a place on the next agenda.",
    "Time and attention are limited, so the question is less whether something is interesting than where it earns its keep.",
    "The cost of looking closely is small, and the cost of deciding blind is carried for a long time.",
    "What counts most will differ between {readers}, which is why the parts below can be read in any order.",
    "A clear view of {short} also makes it easier to say no to what does not fit.",
    "Small differences add up when the same choice is made every week.",
];

/// One part of the subject.
pub const ASPECT: &[&str] = &[
    "With {aspect}, start from what you can already observe and write it down in plain words.",
    "Ask what the best version of {aspect} would look like, and what its first visible sign would be.",
    "Whoever works closest to {aspect} usually sees the obstacles earliest, so ask them before anyone else.",
    "It pays to keep {aspect} concrete: one example from your own work says more than a general rule.",
    "When it comes to {aspect}, note which assumption carries the most weight and how it could be checked.",
    "A short list of open points about {aspect} keeps the discussion honest.",
    "Set a modest goal for {aspect}, give it an owner and agree on the day you will look at it again.",
    "If two people describe {aspect} differently, that gap is the most useful thing to talk about.",
    "Nothing about {aspect} has to be settled at once; what counts is that the next step is clear.",
    "Look at {aspect} before and after a change, with the same yardstick both times.",
    "When {aspect} and cost pull in different directions, decide in advance which one gives way.",
    "Keep a note of what surprised you about {aspect}, because surprises show where the picture was wrong.",
    "Try to explain {aspect} to someone outside the room; the sentence where you hesitate is the one to work on.",
    "There is usually one question behind {aspect} that nobody has asked yet, and it is worth finding.",
    "Judge {aspect} by what it changes for {readers}, not by how much effort went into it.",
    "Start small with {aspect}, learn what holds, and widen the circle only then.",
    "Two things deserve a second look here: what {aspect} would be without the rest, and the rest without {aspect}.",
    "If nothing changed about {aspect} for a whole year, who would notice first?",
    "The easiest mistake with {aspect} is to decide early and look for reasons afterwards.",
    "A good description of {aspect} names the limits as openly as the strengths.",
    "Let the people who live with {aspect} every day have the first word and the last one.",
    "Find the closest neighbour of {aspect} and say plainly where the two differ.",
];

/// What to do first.
pub const PRACTICE: &[&str] = &[
    "Pick one small part of {short} that can be tried within a week.",
    "Write down what you expect to happen before you begin, so that the result can surprise you.",
    "Choose one measure that {readers} already trust and leave the others for later.",
    "Agree beforehand on what would count as a good outcome and what would make you stop.",
    "Share the first result early, while it is still easy to change course.",
    "Keep what worked, drop what did not, and note the reason for both.",
    "Repeat the round with a slightly harder question once the first one is answered.",
    "Give the work a name and an owner, since shared tasks without either tend to fade.",
    "Set aside a fixed hour for the review, or it will be the first thing to go.",
];

/// What goes wrong.
pub const PITFALLS: &[&str] = &[
    "The common stumbling block with {short} is starting everywhere at once.",
    "Another one is taking the loudest voice for the most frequent need.",
    "Watch for plans that only work if every step succeeds.",
    "Be wary of a figure that nobody can trace back to its source.",
    "A deadline without a first step is a wish, and a first step without a deadline is a hobby.",
    "If the explanation gets longer each time, the idea behind it may not be ready.",
    "Copying what others do saves time only when their situation is close to yours.",
];

/// Questions that stay open.
pub const QUESTIONS: &[&str] = &[
    "What do {readers} already know about {short}, and what do they only believe?",
    "Which decision about {short} is due next, and who makes it?",
    "What would a good result look like in three months?",
    "Which part can be tried at low cost and undone without harm?",
    "Who is affected by {short} but has not been asked?",
    "What evidence would change your mind?",
    "Which figure should be collected from today on?",
    "What happens if nothing is done?",
    "Where does {short} touch promises that were made earlier?",
    "Which single sentence should people remember about {short}?",
];

/// The end.
pub const CLOSE: &[&str] = &[
    "The short version: know what you want from {short}, begin with one part, and look at the result together.",
    "If one thing is worth taking away about {topic}, it is that a small honest start beats a large vague plan.",
    "The next step with {short} does not have to be big; it has to be definite.",
    "Come back to the questions above in a few weeks, since the answers about {short} will have moved.",
    "What remains is to choose a first step on {topic} and to set a date for looking back at it.",
    "That is a fair place to pause on {topic}: enough to act on, and open where the facts are still missing.",
];

/// Things to do, in an order that makes sense.
pub const STEPS: &[&str] = &[
    "**Say what you want.** Put the goal for {short} into one sentence that {readers} would sign.",
    "**Take stock.** List what you already have for {aspect} and what is missing.",
    "**Clear the way.** Remove the one obstacle that would stop you on the first day.",
    "**Prepare.** Set out everything that belongs to {aspect} before you begin, so that nothing interrupts the work.",
    "**Start small.** Do the smallest complete version of {short} and note how it went.",
    "**Check.** Compare the result with the sentence from the first step.",
    "**Adjust.** Change one thing at a time about {aspect}, so that you know what made the difference.",
    "**Repeat.** Go through the same steps again with what you have learned.",
    "**Share.** Show the result to someone who knows {short} and ask for the weakest point.",
    "**Write it down.** Keep a short record, because memory is kinder than the facts.",
    "**Make it a habit.** Fix a time for {aspect} and keep it for a month.",
    "**Look back.** Decide what stays, what goes and what deserves another try.",
];

/// Questions people ask, and honest answers.
pub const ASKED: &[(&str, &str)] = &[
    (
        "What is covered here?",
        "The first questions about {topic}, answered as far as the given information goes.",
    ),
    (
        "Who is this for?",
        "It is written for {readers} who want a clear first orientation.",
    ),
    (
        "Where is the best place to begin with {short}?",
        "With the decision that is closest at hand; collect what it needs and leave the rest.",
    ),
    (
        "How can I find out what {short} would mean in my situation?",
        "Write down what you need, put it next to what is described here, and look at the gaps first.",
    ),
    (
        "What should I have ready?",
        "A clear goal, the facts you are sure of, and a list of what you would like to know about {short}.",
    ),
    (
        "What if something is not answered here?",
        "Then ask; open questions about {short} are a good reason to get in touch.",
    ),
    (
        "How much time should I plan for {short}?",
        "Enough for one honest try and one look back; after that you will know your own pace.",
    ),
    (
        "How do I notice progress with {short}?",
        "Choose one sign beforehand that everybody can see, and check it on a fixed date.",
    ),
    (
        "Can I start small with {short}?",
        "Yes. One part that can be undone is the safest way to learn what holds.",
    ),
];

/// What makes an offer worth a look.
pub const OFFER: &[&str] = &[
    "The fairest way to judge {topic} is by what changes for {readers} on an ordinary day.",
    "Look at it the way you would look at any good choice: what it is, what it does, and what it asks of you.",
    "No grand promises here, only what can be said plainly about {topic}.",
    "Made for {readers} who would rather see for themselves than be told.",
    "Compare {short} with what you use now and notice the first thing you would miss.",
    "Good things explain themselves in use, and {short} should be no exception.",
    "Ask every question you have about {short}; clear answers are part of the offer.",
    "Take a moment to picture where {short} would fit into your day.",
];

/// What is compared when things stand side by side, and the question to ask.
pub const CRITERIA: &[(&str, &str)] = &[
    (
        "Fit with the task",
        "which one does the job at hand with fewer workarounds?",
    ),
    ("Effort to begin", "how far is it from zero to the first useful result?"),
    (
        "Running cost",
        "what has to be paid, learned or maintained every month?",
    ),
    ("Room to grow", "what happens when the need doubles?"),
    (
        "Skills needed",
        "who can already work with it, and who would have to learn?",
    ),
    ("Way back", "how hard is it to leave again if it does not work out?"),
];

/// Short lines that can stand alone.
pub const LINES: &[&str] = &[
    "{short}: see for yourself",
    "Ask more of {short}",
    "{short}, without the fuss",
    "Here for {readers}: {short}",
    "Good days begin with {short}",
    "Come closer to {short}",
    "{short}, as it should be",
    "One look at {short} says it",
    "Your day, plus {short}",
    "Meet {short}",
    "{short}, made for {readers}",
    "Room for {short}",
    "Simply {short}",
    "{short}: ask us anything",
    "Say yes to {short}",
];

/// Ideas for pieces on a subject.
pub const IDEAS: &[&str] = &[
    "A short piece on {aspect}",
    "A checklist for {aspect}",
    "A conversation with someone who knows {aspect}",
    "A before-and-after story about {aspect}",
    "Three mistakes to avoid with {aspect}",
    "A reader question about {aspect}, answered in public",
    "A day in the life of {aspect}",
    "A myth about {aspect}, looked at closely",
    "A small experiment with {aspect}, results included",
    "A glossary for {aspect} in plain words",
];

/// For messages: why it is written.
pub const MESSAGE: &[&str] = &[
    "This message is about {topic}, and it is kept short so that the next step is easy to see.",
    "Please take it as an open word on {short}: what we can say now is said here, and what is still open is named as open.",
    "If you have a question about {short}, a short reply is enough and it will be read.",
    "You do not have to decide anything on the spot; a look at the points here is a good start.",
    "Should something about {short} not fit your situation, tell us and we will look at it again.",
    "The aim is simple: everyone who reads this should know what to expect from {short}.",
];

/// For announcements.
pub const RELEASE: &[&str] = &[
    "Today's news is about {topic}.",
    "The announcement concerns {readers} first, and it says plainly what is known at this point.",
    "Details that are not settled yet about {short} are left out rather than guessed.",
    "Further information on {short} will follow as soon as it can be stated with certainty.",
    "Those who want to know more about {short} are invited to ask; open points will be answered one by one.",
    "The purpose of this {kind} is to give everyone the same information about {short} at the same time.",
    "What stays as it is deserves a mention too: nothing beyond {short} is announced here.",
];
