//! Options to choose among by the first byte of an input.

use shardmill_engine::decode::{Compression, ContentOptions};

use crate::input::Input;

/// Options as they are stored, and payloads that are events under them.
pub(super) struct Choice {
    pub(super) options: &'static str,
    pub(super) samples: &'static [&'static str],
}

/// The options of choices, without compression: that has a family of its own.
pub(super) fn options(choices: &[Choice]) -> Vec<ContentOptions> {
    let options = choices.iter().map(|choice| {
        let options: ContentOptions =
            serde_json::from_str(choice.options).expect("options as they are stored");
        options.check().expect("options that agree");
        ContentOptions {
            compression: Compression::None,
            ..options
        }
    });
    options.collect()
}

/// The options that an input chooses.
pub(super) fn chosen<'a, T>(all: &'a [T], input: &Input) -> &'a T {
    &all[usize::from(input.choice) % all.len()]
}

/// Inputs to begin from: the samples of each choice together and alone, and the texts that `more`
/// gives for its format.
pub(super) fn seeds(
    choices: &[Choice],
    more: impl Fn(&ContentOptions) -> Vec<Vec<u8>>,
) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (place, (choice, options)) in choices.iter().zip(options(choices)).enumerate() {
        let samples: Vec<&[u8]> = choice.samples.iter().map(|text| text.as_bytes()).collect();
        seeds.push(Input::write(place, 1, &samples));
        seeds.push(Input::tightened(Input::write(place, 2, &samples)));
        seeds.extend(
            samples
                .iter()
                .map(|sample| Input::write(place, 0, &[sample])),
        );
        let more = more(&options);
        seeds.extend(more.iter().map(|text| Input::write(place, 0, &[text])));
    }
    seeds
}
