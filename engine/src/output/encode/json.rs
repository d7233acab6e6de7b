//! JSON lines: canonical JSON text, an object a line.

use crate::output::table::Table;
use crate::schema::text::RowText;

/// Appends rows.
pub(in crate::output) fn write_rows(rows: &Table, out: &mut Vec<u8>) {
    let text = RowText::of(rows.fields(), rows.columns());
    for row in 0..rows.len() {
        text.write(row, out);
        out.push(b'\n');
    }
}
