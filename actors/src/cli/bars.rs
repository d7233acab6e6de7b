//! Shares and counts as rows of blocks.

/// Eighths of a block, from none to seven.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Heights of a column of a sparkline.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A share of a whole as blocks on a ground, so many characters wide.
pub fn bar(share: f64, width: usize) -> String {
    let full = (share * width as f64).round() as usize;
    // What is there at all can be seen.
    let full = full.clamp(usize::from(share > 0.0), width);
    format!("{}{}", "█".repeat(full), "░".repeat(width - full))
}

/// A share of the longest bar, to an eighth of a character.
pub fn blocks(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * (width * 8) as f64).round() as usize;
    let eighths = eighths.max(usize::from(share > 0.0));
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// Counts as a row of columns, the highest of which is full; none is a dot.
pub fn sparkline(counts: &[u64]) -> String {
    let highest = counts.iter().copied().max().unwrap_or(0).max(1);
    let column = |count: &u64| match count {
        0 => '·',
        count => {
            let steps = u128::from(*count) * (HEIGHTS.len() as u128 - 1);
            let highest = u128::from(highest);
            HEIGHTS[((steps + highest / 2) / highest) as usize]
        }
    };
    counts.iter().map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_that_something_is_there() {
        assert_eq!(bar(0.0, 10), "░".repeat(10));
        assert_eq!(bar(0.001, 10), format!("█{}", "░".repeat(9)));
        assert_eq!(bar(1.0, 10), "█".repeat(10));
        assert_eq!(blocks(0.0, 10), "");
        assert_eq!(blocks(0.001, 10), "▏");
        assert_eq!(blocks(0.55, 10), "█████▌");
        assert_eq!(blocks(1.0, 10), "█".repeat(10));
    }

    #[test]
    fn a_sparkline_is_as_high_as_its_highest_count() {
        assert_eq!(sparkline(&[]), "");
        assert_eq!(sparkline(&[0, 0]), "··");
        assert_eq!(sparkline(&[1, 0, 1]), "█·█");
        assert_eq!(sparkline(&[1, 50, 99, 100]), "▁▅██");
        assert_eq!(sparkline(&[u64::MAX, u64::MAX / 4]), "█▃");
    }
}
