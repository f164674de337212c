//! How long it takes from the request of a node to each of the five stamps, drawn over the rounds.
//!
//! Places along the axis are percentages, so a drawing takes the width it is given and its text and strokes keep their size. Few
//! rounds are drawn as dots; many as a box (quartiles), whiskers (10th and 90th percentile), the median, and the dots beyond.

use std::io::{self, Write};

use super::{
    markup::{Markup, html},
    view::View,
    words,
};
use crate::{event::Stamp, record::TargetRecord, stats};

/// Up to this many rounds, each is a dot.
const DOTS: usize = 40;
/// Dots drawn beyond each whisker; the figures beside the drawing tell the rest.
const OUTLIERS: usize = 40;

/// The common scale of all targets, so that their drawings can be compared by eye.
pub(super) struct Scale {
    end: f64,
    step: f64,
}

impl Scale {
    /// The scale that holds every stamp of the record.
    pub(super) fn of(view: &View<'_>) -> Self {
        let longest = view
            .record
            .targets
            .iter()
            .flat_map(|target| target.stamps.values().flatten())
            .copied()
            .filter(|seconds| seconds.is_finite())
            .fold(0.0, f64::max);
        let longest = if longest > 0.0 { longest } else { 1.0 };
        let rough = longest / 5.0;
        let magnitude = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * magnitude)
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        Self { end: (longest / step).ceil().max(1.0) * step, step }
    }

    /// Where `seconds` is, in percent of the width; a margin keeps dots at the ends whole.
    fn place(&self, seconds: f64) -> String {
        format!("{:.2}%", 1.5 + (seconds / self.end).clamp(0.0, 1.0) * 95.0)
    }

    fn ticks(&self) -> impl Iterator<Item = f64> + '_ {
        (0_u8..=20).map(|index| f64::from(index) * self.step).take_while(|tick| *tick <= self.end * 1.001)
    }
}

/// The drawings of one target.
pub(super) fn write(out: &mut dyn Write, target: &TargetRecord, scale: &Scale) -> io::Result<()> {
    html!(
        out,
        r#"<table class="timing">
<thead><tr><th scope="col">Stamp</th><th scope="col" class="num">Rounds</th><th scope="col" class="num">Median</th><th scope="col" class="num">90th</th><th scope="col" class="num">Slowest</th><th scope="col" class="plot">Seconds since the request</th></tr></thead>
<tbody>
"#
    )?;
    for stamp in Stamp::ALL {
        let mut values: Vec<f64> =
            target.stamps.get(&stamp).into_iter().flatten().copied().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        html!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"num\">{}</td>",
            stamp.title(),
            words::grouped(values.len() as u64)
        )?;
        let spread = stats::spread(&values);
        for value in [spread.map(|s| s.p50), spread.map(|s| s.p90), spread.map(|s| s.max)] {
            html!(out, "<td class=\"num\">{}</td>", value.map_or("–".to_owned(), |value| words::measure(value, "s")))?;
        }
        html!(out, "<td class=\"plot\">")?;
        draw(out, &values, scale)?;
        html!(out, "</td></tr>\n")?;
    }
    html!(
        out,
        "</tbody>\n<tfoot><tr><td colspan=\"5\"></td><td class=\"plot\"><svg width=\"100%\" height=\"18\" aria-hidden=\"true\">"
    )?;
    for tick in scale.ticks() {
        html!(out, "<text x=\"{}\" y=\"12\">{}</text>", scale.place(tick), words::number(tick))?;
    }
    html!(out, "</svg></td></tr></tfoot>\n</table>\n")
}

fn draw(out: &mut dyn Write, values: &[f64], scale: &Scale) -> io::Result<()> {
    html!(out, "<svg width=\"100%\" height=\"30\" aria-hidden=\"true\">")?;
    for tick in scale.ticks() {
        let x = scale.place(tick);
        html!(out, "<line class=\"tick\" x1=\"{}\" x2=\"{}\" y1=\"0\" y2=\"30\" />", x, x)?;
    }
    if values.len() > DOTS {
        summary(out, values, scale)?;
    } else {
        dots(out, values, scale)?;
    }
    if let Some(median) = percentile(values, 50).filter(|_| values.len() > 1) {
        let x = scale.place(median);
        html!(out, "<line class=\"median\" x1=\"{}\" x2=\"{}\" y1=\"6\" y2=\"24\" />", x, x)?;
    }
    html!(out, "</svg>")
}

/// A dot for each value. Neighbours are set apart vertically in a fixed rhythm, so that the same record gives the same drawing.
fn dots(out: &mut dyn Write, values: &[f64], scale: &Scale) -> io::Result<()> {
    let rhythm: &[u8] = if values.len() == 1 { &[15] } else { &[15, 11, 19, 13, 17] };
    for (value, y) in values.iter().zip(rhythm.iter().cycle()) {
        html!(
            out,
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" />",
            scale.place(*value),
            *y,
            if values.len() == 1 { 4_u8 } else { 3 }
        )?;
    }
    Ok(())
}

fn summary(out: &mut dyn Write, values: &[f64], scale: &Scale) -> io::Result<()> {
    let [Some(p10), Some(p25), Some(p75), Some(p90)] = [10, 25, 75, 90].map(|percent| percentile(values, percent))
    else {
        return Ok(());
    };
    html!(
        out,
        "<line class=\"whisker\" x1=\"{}\" x2=\"{}\" y1=\"15\" y2=\"15\" />",
        scale.place(p10),
        scale.place(p90)
    )?;
    let width = (p75 - p25) / scale.end * 95.0;
    html!(
        out,
        "<rect class=\"box\" x=\"{}\" y=\"8\" width=\"{}%\" height=\"14\" />",
        scale.place(p25),
        Markup(format_args!("{:.2}", width.max(0.2)))
    )?;
    let below = values.iter().filter(|value| **value < p10).take(OUTLIERS);
    let above = values.iter().rev().filter(|value| **value > p90).take(OUTLIERS);
    for value in below.chain(above) {
        html!(out, "<circle class=\"outlier\" cx=\"{}\" cy=\"15\" r=\"2\" />", scale.place(*value))?;
    }
    Ok(())
}

/// The percentile of sorted values by the nearest rank, as the figures beside the drawing have it.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[4.0], 90), Some(4.0));
        assert_eq!(percentile(&[1.0, 3.0], 50), Some(1.0));
        assert_eq!(percentile(&[1.0, 2.0, 3.0], 90), Some(3.0));
    }

    #[test]
    fn a_scale_ends_on_a_round_tick() {
        let scale = Scale { end: 60.0, step: 20.0 };
        assert_eq!(scale.ticks().collect::<Vec<_>>(), [0.0, 20.0, 40.0, 60.0]);
        assert_eq!(scale.place(30.0), "49.00%");
        assert_eq!(scale.place(1e9), "96.50%");
    }
}
