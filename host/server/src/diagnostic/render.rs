//! Diagnostics as text, drawn by miette.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, SourceCode, SourceSpan, SpanContents,
};

use super::{Diagnostic, Diagnostics, Severity};

/// Columns of the framed rendering; the plain one is not wrapped, so that it can be searched.
const WIDTH: usize = 110;

pub(super) fn render(found: &Diagnostics, colour: bool) -> String {
    let mut theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::none() };
    theme.characters.error = "error:".into();
    theme.characters.warning = "warning:".into();
    let handler = GraphicalReportHandler::new_themed(theme);
    let handler = if colour { handler.with_width(WIDTH) } else { handler.with_wrap_lines(false) };
    let handler = handler.with_links(false).with_context_lines(1).tab_width(2);
    let mut shown = String::new();
    for found in found.iter() {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = handler.render_report(&mut text, &Report(found));
        for line in text.trim_end().lines() {
            shown.push_str(line.trim_end());
            shown.push('\n');
        }
        shown.push('\n');
    }
    shown
}

/// A diagnostic in miette's terms.
#[derive(Debug)]
struct Report<'a>(&'a Diagnostic);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.span.is_none() {
            write!(f, "{}: ", self.0.file.display())?;
        }
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.0.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.0.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.span.is_some().then_some(self as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.0.span?;
        let label = (!self.0.key.is_empty()).then(|| self.0.key.clone());
        Some(Box::new(std::iter::once(LabeledSpan::new(label, span.offset, span.len.max(1)))))
    }
}

impl SourceCode for Report<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let source = self.0.source.as_ref().ok_or(MietteError::OutOfBounds)?;
        let contents = source.text.read_span(span, before, after)?;
        Ok(Box::new(miette::MietteSpanContents::new_named(
            source.name.clone(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}
