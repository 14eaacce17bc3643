//! The colours. They are left out where the output is no terminal, see `main`.

use anstyle::{AnsiColor, Style};

pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const SUCCESS: Style = AnsiColor::Green.on_default().bold();
pub(crate) const HEADING: Style = Style::new().bold();
pub(crate) const PLACE: Style = AnsiColor::Blue.on_default().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
