//! Sentences that carry a tone. Each shows its tone by at least one word of the tone's list.

use crate::brief::tone::Tone;

/// How a text in this tone begins.
pub fn openers(tone: Option<Tone>) -> &'static [&'static str] {
    match tone {
        None => &[
            "This {kind} is about {topic}.",
            "Here is a plain look at {topic}.",
            "What follows is a compact introduction to {topic}.",
        ],
        Some(Tone::Professional) => &[
            "This {kind} sets out a clear approach to {topic} and the decisions that follow from it.",
            "Anyone responsible for {topic} needs clear priorities; this {kind} helps to set them.",
            "Good decisions about {topic} begin with a clear objective and a measurable outcome.",
        ],
        Some(Tone::Friendly) => &[
            "Hello and welcome! Let's take a simple look at {topic} together.",
            "Glad you're here: {topic} can feel like a lot, so let's make it easy.",
            "Welcome in! We are happy to talk about {topic}, and you'll see that the first step is simple.",
        ],
        Some(Tone::Casual) => &[
            "Hey, so let's talk about {topic}, no fuss.",
            "Okay, {topic}. It's pretty approachable once you get going, so don't worry.",
            "Grab a coffee and let's go through {topic}, the stuff that counts and nothing else.",
        ],
        Some(Tone::Playful) => &[
            "Ready for a little adventure? Today we play with {topic}, and yes, it is meant to be fun.",
            "Psst: there is a bit of magic in {topic}, and this {kind} lets you in on the secret.",
            "Put on a smile, because {topic} deserves some sparkle.",
        ],
        Some(Tone::Formal) => &[
            "The present {kind} addresses {topic}; it should be noted that only given information is used.",
            "With regard to {topic}, the following considerations are respectfully submitted.",
            "This {kind} treats {topic} in an orderly manner in order to support a sound judgement.",
        ],
        Some(Tone::Technical) => &[
            "This {kind} looks at {topic} as a system: define the inputs, name the constraints, verify the output.",
            "To treat {topic} precisely, specify the components and the baseline first.",
            "The procedure here is to define {topic}, measure a baseline and vary one parameter at a time.",
        ],
        Some(Tone::Persuasive) => &[
            "Imagine having {topic} sorted out already: that is worth a few minutes now.",
            "Why wait? With {topic}, the advantage goes to those who start.",
            "You are ready for {topic}, and today is a good day to choose it.",
        ],
        Some(Tone::Warm) => &[
            "Thank you for being here. We would like to look at {topic} gently and with care.",
            "If {topic} is on your mind, you are not alone, and we understand that it takes time.",
            "Come in and take a breath; we go through {topic} together, at your own pace.",
        ],
        Some(Tone::Enthusiastic) => &[
            "We love this subject: {topic} is exciting, and there is great energy in getting started!",
            "What a great moment to look at {topic}; we are thrilled to share it!",
            "Big, bright and bold: that is how we feel about {topic}, and we can't wait to begin!",
        ],
    }
}

/// Sentences between the sections.
pub fn asides(tone: Option<Tone>) -> &'static [&'static str] {
    match tone {
        None => &[
            "One step at a time is enough here.",
            "The point is to see the whole before choosing a part.",
            "A second reading with pen in hand is worth the time.",
        ],
        Some(Tone::Professional) => &[
            "We recommend to review this point with everyone who is responsible for the outcome.",
            "Evaluate it against your own priorities before you plan the next step.",
            "A practical measure and an accountable owner make the decision easier.",
            "Assess the effort against the objective, and keep the plan measurable.",
        ],
        Some(Tone::Friendly) => &[
            "Good news: you're closer than you think, and we're happy to help.",
            "Feel free to skip ahead; it's easy to come back later.",
            "Let's keep it simple here and enjoy the small wins together.",
            "You'll find that one question asked out loud helps everyone.",
        ],
        Some(Tone::Casual) => &[
            "That's pretty much it, no worries if it takes a bit.",
            "Don't overthink this bit, it's kind of learn-as-you-go.",
            "Okay, that's the dry stuff done, so grab a refill.",
            "It's fine to wing a bit of this, no fuss.",
        ],
        Some(Tone::Playful) => &[
            "Treat it as a game with a surprise at the end, and play a second round if you like.",
            "A wink and a smile go a long way here.",
            "This is the fun part, so let it sparkle and cheer when it works.",
            "Here be a tiny dance of delight, strictly optional.",
        ],
        Some(Tone::Formal) => &[
            "It is advisable to consider this point carefully; accordingly, time should be set aside for it.",
            "Furthermore, it should be noted that the order of these points implies no ranking.",
            "Consequently, a written record is recommended in order to preserve the reasoning.",
            "Moreover, those concerned should be heard before a conclusion is drawn; therefore, early notice is advisable.",
        ],
        Some(Tone::Technical) => &[
            "Specify each parameter, record the baseline and verify the output against it.",
            "Treat every dependency as an interface: define the input, define the output, measure both.",
            "State the constraints explicitly, since an unspecified variable invalidates the measurement.",
            "Isolate one component at a time so that the procedure can be repeated.",
        ],
        Some(Tone::Persuasive) => &[
            "Imagine the same week with this off your list: that is worth the start.",
            "Choose one thing now and gain the rest later.",
            "You deserve an answer that holds, so take the next step today.",
            "The advantage is real when you start while others are still waiting.",
        ],
        Some(Tone::Warm) => &[
            "Be kind to yourself here; nobody needs to have all the answers at once.",
            "We understand that this part can be hard, and we are glad to listen.",
            "Go gently, and let others support you where they can.",
            "Thank you for the care you put into this.",
        ],
        Some(Tone::Enthusiastic) => &[
            "This is where it gets exciting, and we love to see it happen!",
            "Great things start small, so bring your bright ideas!",
            "Keep that energy, because the next part is brilliant!",
            "Dream bold, then take one amazing first step!",
        ],
    }
}

/// How a text in this tone ends.
pub fn closers(tone: Option<Tone>) -> &'static [&'static str] {
    match tone {
        None => &[
            "That is the whole of it.",
            "Questions are welcome at any time.",
            "With that, the essentials are said.",
        ],
        Some(Tone::Professional) => &[
            "We recommend a short review of {short} with clear priorities and one accountable owner.",
            "Plan the first measurable step now and review the outcome on a fixed date.",
            "A practical decision this month is a sound objective; the plan can grow from there.",
        ],
        Some(Tone::Friendly) => &[
            "Thanks for reading, and feel free to say hello if you'd like help with the first step!",
            "Let's do this together, you're very welcome to ask!",
            "Enjoy the start, keep it simple, and tell us how it went; we'd be glad to hear it.",
        ],
        Some(Tone::Casual) => &[
            "That's it, no fuss. Give it a go and see what sticks.",
            "Okay, over to you, and no worries if it's a bit messy at first.",
            "So grab one bit of it and don't look back.",
        ],
        Some(Tone::Playful) => &[
            "Now off you go, have fun, and save a little sparkle for later!",
            "The adventure is yours, surprise included!",
            "Go on, make it play, and send us a wink when it works!",
        ],
        Some(Tone::Formal) => &[
            "It is therefore advisable to decide upon a first step and to record it accordingly.",
            "Consequently, the matter is respectfully commended to your consideration.",
            "Further information may be requested in order to reach a sound decision.",
        ],
        Some(Tone::Technical) => &[
            "Define the next measurement, verify it against the baseline and document the output.",
            "Fix the parameters, run the procedure once and compare the output with the specification.",
            "With inputs, constraints and output defined, the next iteration can be measured.",
        ],
        Some(Tone::Persuasive) => &[
            "Why wait? Take the next step today.",
            "You are ready: choose your start now, and gain the time that others lose.",
            "Start today; it is worth it.",
        ],
        Some(Tone::Warm) => &[
            "Thank you for your time and your heart; we are here to support you.",
            "Take care, go at your own pace, and know that we are together in this.",
            "Whenever you are ready, we are glad to listen.",
        ],
        Some(Tone::Enthusiastic) => &[
            "We can't wait to see what you make of it, it is going to be great!",
            "Take that bright energy and start, we love to see it!",
            "Dream bold and begin today, amazing things are ahead!",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::{asides, closers, openers};
    use crate::brief::scan::find_phrase;
    use crate::brief::tone::Tone;

    #[test]
    fn every_sentence_shows_its_tone_and_none_denies_it() {
        for tone in Tone::ALL {
            for sentence in [openers(Some(tone)), asides(Some(tone)), closers(Some(tone))].concat() {
                assert!(
                    tone.shown_by().iter().any(|word| find_phrase(sentence, word).is_some()),
                    "{tone:?}: {sentence}"
                );
                assert!(
                    !tone
                        .denied_by()
                        .iter()
                        .any(|word| find_phrase(sentence, word).is_some()),
                    "{tone:?}: {sentence}"
                );
            }
        }
    }
}
