//! A packed network as one header in C99: its numbers as constant arrays, and a function that classifies.
//!
//! The program around the numbers is text in `c_header.h`, in which `NAME` stands for the name of the network. It
//! allocates nothing. Where the rounding of floats decides, intermediate results are `volatile`, so that no compiler
//! fuses a multiplication with an addition, whatever it is told.

use std::fmt::{Display, LowerHex};

use metabnn_infer::packed::{ClassNorm, Content, Kind, Layer, Model, PIXEL_SCALE};

use crate::text;

use super::{Costs, DeviceReport, ExportError, Exported, Flash, ModelFormat, Packed, Ram};

/// The format on the command line and in Python.
pub(super) static FORMAT: ModelFormat = ModelFormat {
    name: "c-header",
    extension: "h",
    help: "a header in C99 with a function that classifies",
    takes_any_network: false,
    takes_statistics: true,
    encode: |model, name| {
        let packed = Packed::checked(model)?;
        let (text, costs) = c_header(&packed, &c_identifier(name))?;
        Ok(Exported { bytes: text.into_bytes(), device: Some(DeviceReport::new(&packed, costs)) })
    },
};

/// The program before the numbers and after them.
const TEMPLATE: &str = include_str!("c_header.h");
/// Characters of a line of numbers.
const LINE: usize = 110;
/// Words of a state: its norm and its order, and the order that stands for none.
const NO_ORDER: usize = 65_535;

/// The header of a packed network called `name`, an identifier in C, and what it takes: see [`c_identifier`].
///
/// # Errors
/// [`ExportError::Packed`] if the bytes are no packed model.
pub fn c_header(packed: &Packed, name: &str) -> Result<(String, Costs), ExportError> {
    let model = Model::parse(&packed.bytes)?;
    let content = Content::from(&model);
    let layers: Vec<Layer<'_>> = model.layers().collect();
    let costs = costs(packed, &content, &layers);
    let mut program = TEMPLATE.to_owned();
    let hidden = layers.len() > 1;
    let sees_pixels = content.kind == Kind::Pixels;
    for (part, is_used) in
        [("PIXELS", sees_pixels), ("INK", !sees_pixels), ("ROWS", hidden || !sees_pixels), ("HIDDEN", hidden)]
    {
        program = with_part(&program, part, is_used);
    }
    let numbers = sizes(&layers, &content, &costs) + &numbers(&content, &layers);
    let states = packed.states.iter().enumerate().map(|(number, state)| {
        // Nothing in a name ends the comment or the line, or is a trigraph.
        let state = text::name(state).replace(|c: char| "*/\\?".contains(c), "_");
        format!(" *   {number}: {state}\n")
    });
    let scale = hex(PIXEL_SCALE);
    // A network of one layer has scores of pixels; any other one scores of signs.
    let scale = if sees_pixels && !hidden { format!("y = y * {scale};") } else { String::new() };
    let program = program
        .replace("    SCALE\n", &if scale.is_empty() { scale } else { format!("    {scale}\n") })
        .replace("    PIXEL\n", pixel(&content))
        .replace("/* NUMBERS */\n\n", &numbers)
        .replace("VERSION", env!("CARGO_PKG_VERSION"))
        .replace("NAME_UPPER", &name.to_uppercase())
        .replace("NAME", name)
        .replace(" *   STATES\n", &states.collect::<String>());
    let classify = classify(&layers).replace("NAME_UPPER", &name.to_uppercase()).replace("NAME", name);
    Ok((program + &classify, costs))
}

/// `text` as an identifier in C: what it cannot have becomes `_`.
pub fn c_identifier(text: &str) -> String {
    let name = text.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) { name } else { format!("model_{name}") }
}

/// `program` with the part between `BEGIN part` and `END part`, or without it; the two lines go.
fn with_part(program: &str, part: &str, is_used: bool) -> String {
    let (begin, end) = (format!("/* BEGIN {part} */\n"), format!("/* END {part} */\n"));
    let Some((before, rest)) = program.split_once(&begin) else { return program.into() };
    let Some((inside, after)) = rest.split_once(&end) else { return program.into() };
    if is_used {
        format!("{before}{inside}{after}")
    } else {
        format!("{before}{}", after.trim_start_matches('\n'))
    }
}

/// How a pixel is found.
fn pixel(content: &Content) -> &'static str {
    match content.orders.is_empty() {
        true => "    (void)state;\n    return pixels[i];\n",
        false => {
            "    const int32_t order = NAME_states[state][1];\n    \
             return pixels[order == 65535 ? i : (int32_t)NAME_orders[order][i]];\n"
        }
    }
}

/// Widest vector of sums.
fn most_sums(layers: &[Layer<'_>]) -> usize {
    layers.iter().map(|layer| layer.outputs).max().unwrap_or(0)
}

/// Words of the widest vector of signs; there is one, even where no layer sees signs.
fn most_words(layers: &[Layer<'_>]) -> usize {
    let signs = layers.iter().filter(|layer| layer.kind == Kind::Signs);
    signs.map(|layer| layer.inputs.div_ceil(32)).max().unwrap_or(1)
}

/// What the header takes: arrays are as long as they need to be, and one vector of signs is enough.
fn costs(packed: &Packed, content: &Content, layers: &[Layer<'_>]) -> Costs {
    let weights = layers.iter().map(|layer| layer.weights.len() as u64).sum();
    let place = if is_wide(content) { 4 } else { 2 };
    let orders = content.orders.iter().map(|order| place * order.len() as u64).sum();
    let flash = Flash { header: 4 * content.states.len() as u64, weights, orders, ..packed.costs.flash };
    let scratch = 4 * (most_sums(layers) + most_words(layers)) as u64;
    let Flash { header, thresholds, outputs, .. } = flash;
    let footprint = header + weights + thresholds + outputs + orders;
    Costs { flash, ram: Ram { scratch, ..packed.costs.ram }, footprint, ..packed.costs }
}

fn sizes(layers: &[Layer<'_>], content: &Content, costs: &Costs) -> String {
    let (inputs, classes) = (layers[0].inputs, layers[layers.len() - 1].outputs);
    let ram = costs.ram.scratch + costs.ram.table;
    let sizes = [
        ("INPUTS", inputs as u64),
        ("CLASSES", classes as u64),
        ("STATES", content.states.len() as u64),
        ("FLASH_BYTES", costs.footprint),
        ("RAM_BYTES", ram),
    ];
    let lines = sizes.map(|(what, size)| format!("#define NAME_UPPER_{what} {size}\n"));
    lines.concat() + "\n"
}

/// Whether numbers of pixels need more than 16 bits.
fn is_wide(content: &Content) -> bool {
    content.weights[0].columns() > 1 << 16
}

fn numbers(content: &Content, layers: &[Layer<'_>]) -> String {
    let mut text = String::from(
        "/* Weights: of pixels one byte per eight inputs and output, of signs rows of words. */\n",
    );
    for (index, layer) in layers.iter().enumerate() {
        let name = format!("weights_{}", index + 1);
        text += &match layer.kind {
            Kind::Pixels => array("uint8_t", &name, "", layer.weights.iter().map(|byte| whole(*byte, ""))),
            Kind::Signs => {
                let words = layer.weights.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word));
                array("uint32_t", &name, "", words.map(|word| whole(word, "u")))
            }
        };
    }
    let hidden: usize = layers[..layers.len() - 1].iter().map(|layer| layer.outputs).sum();
    if hidden > 0 {
        text += "/* Thresholds of the hidden units, layer after layer, of each norm. */\n";
        let words = content.norms.iter().flat_map(|norm| norm.thresholds.iter().flatten());
        text += &array(
            "int32_t",
            "thresholds",
            &format!("[{hidden}]"),
            words.map(|word| word.word().to_string()),
        );
    }
    text += "/* Mean, inverse deviation, gamma and beta of each class, of each norm. */\n";
    let classes = content.norms.iter().flat_map(|norm| &norm.classes);
    let numbers = classes.flat_map(|ClassNorm { mean, inverse, gamma, beta }| [mean, inverse, gamma, beta]);
    let shape = format!("[{}]", 4 * content.norms[0].classes.len());
    text += &array("float", "norms", &shape, numbers.map(|number| hex(*number)));
    if !content.orders.is_empty() {
        text += "/* Pixel orders: which pixel each input is. */\n";
        let (kind, shape) = (if is_wide(content) { "uint32_t" } else { "uint16_t" }, content.orders[0].len());
        let places = content.orders.iter().flatten();
        text += &array(kind, "orders", &format!("[{shape}]"), places.map(ToString::to_string));
    }
    text += "/* Norm and order of each state; 65535: pixels as they are. */\n";
    let states = content.states.iter().flat_map(|(norm, order)| [*norm, order.unwrap_or(NO_ORDER)]);
    text + &array("uint16_t", "states", "[2]", states.map(|number| number.to_string()))
}

/// A constant array: the shape of its elements is `shape`, their numbers one after the other.
fn array(kind: &str, name: &str, shape: &str, numbers: impl Iterator<Item = String>) -> String {
    let each: usize = shape.trim_matches(['[', ']']).parse().unwrap_or(usize::MAX);
    let (mut text, mut line) = (format!("static const {kind} NAME_{name}[]{shape} = {{\n"), String::new());
    for (index, number) in numbers.enumerate() {
        let starts = index % each == 0 && each != usize::MAX;
        let ends = (index + 1) % each == 0 && each != usize::MAX;
        if starts || line.len() + number.len() + 3 > LINE {
            text += if line.is_empty() { "" } else { "    " };
            text += &line;
            text += if line.is_empty() { "" } else { "\n" };
            line.clear();
        }
        line += if starts { "{" } else { "" };
        line += &number;
        line += if ends { "}," } else { "," };
    }
    text + "    " + &line + "\n};\n\n"
}

fn whole(number: impl LowerHex, suffix: &str) -> String {
    format!("{number:#x}{suffix}")
}

/// A finite float in hexadecimal, exactly: sign, digits after the point, exponent.
fn hex(number: f32) -> String {
    let bits = number.to_bits();
    let (sign, exponent, fraction) =
        (if bits >> 31 == 1 { "-" } else { "" }, bits >> 23 & 0xff, (bits & 0x007f_ffff) << 1);
    match (exponent, fraction) {
        (0, 0) => format!("{sign}0.0f"),
        (0, _) => format!("{sign}0x0.{fraction:06x}p-126f"),
        _ => format!("{sign}0x1.{fraction:06x}p{}f", exponent as i32 - 127),
    }
}

/// The function that classifies, layer by layer.
fn classify(layers: &[Layer<'_>]) -> String {
    let line = |text: &dyn Display| format!("    {text}\n");
    let mut steps = String::new();
    let last = layers.len() - 1;
    for (index, Layer { kind, inputs, outputs, .. }) in layers.iter().enumerate() {
        let weights = format!("NAME_weights_{}", index + 1);
        steps += &match kind {
            Kind::Pixels => line(&format!("NAME_look(pixels, state, {weights}, {inputs}, {outputs}, sums);")),
            Kind::Signs => {
                let look = format!("NAME_look(pixels, state, {inputs}, signs);");
                let look = if index == 0 { line(&look) } else { String::new() };
                look + &line(&format!("NAME_sums(signs, {weights}, {inputs}, {outputs}, sums);"))
            }
        };
        if index < last {
            steps += &line(&format!("NAME_signs(sums, thresholds, {outputs}, signs);"));
            steps +=
                &if index + 1 < last { line(&format!("thresholds += {outputs};")) } else { String::new() };
        }
    }
    let thresholds = "const int32_t *thresholds;";
    let of_state = "thresholds = NAME_thresholds[NAME_states[state][0]];";
    let [declared, set] =
        [thresholds, of_state].map(|text| if last > 0 { line(&text) } else { String::new() });
    let has_signs = layers.iter().any(|layer| layer.kind == Kind::Signs);
    let signs = format!("static uint32_t signs[{}];", most_words(layers));
    let signs = if has_signs { line(&signs) } else { String::new() };
    format!(
        "/* The class of an image in a state, counted from 0; -1 where there is no such state. */\n\
         static inline int NAME_classify(const uint8_t *pixels, int state)\n{{\n    \
         static int32_t sums[{}];\n{signs}{declared}    \
         const float *norms;\n    float most = 0.0f;\n    int best = 0;\n    \
         if (state < 0 || state >= NAME_UPPER_STATES) {{\n        return -1;\n    }}\n{set}    \
         norms = NAME_norms[NAME_states[state][0]];\n{steps}    \
         for (int i = 0; i < NAME_UPPER_CLASSES; i++) {{\n        \
         const float score = NAME_score(sums[i], norms + 4 * i);\n        \
         if (i == 0 || score > most) {{\n            most = score;\n            best = i;\n        }}\n    }}\n    \
         return best;\n}}\n\n#endif\n",
        most_sums(layers)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_exactly() {
        for (number, text) in [
            (1.0, "0x1.000000p0f"),
            (-0.0, "-0.0f"),
            (0.15625, "0x1.400000p-3f"),
            (-f32::MAX, "-0x1.fffffep127f"),
            (f32::MIN_POSITIVE, "0x1.000000p-126f"),
            (f32::from_bits(1), "0x0.000002p-126f"),
        ] {
            assert_eq!(hex(number), text);
        }
    }

    #[test]
    fn names_are_identifiers() {
        assert_eq!(c_identifier("pmnist-6"), "pmnist_6");
        assert_eq!(c_identifier("6 tasks"), "model_6_tasks");
        assert_eq!(c_identifier(""), "model_");
        assert_eq!(c_identifier("_é"), "model___");
    }
}
