//! Parquet: one row a record. Nested members are JSON texts, so that no reader has to merge structures.
//!
//! Rows are gathered and written group by group; nothing in the file depends on when it was written.

use super::{Render, RenderError};
use crate::record::TrainingRecord;
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde::Serialize;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Rows and bytes of a group at most; bounds what is held.
const GROUP_ROWS: usize = 4096;
const GROUP_BYTES: usize = 4 << 20;
/// In the order of [`Row::cells`].
const SCHEMA: &str = "message training_record {
    required int32 schema_version;
    required binary record_id (STRING);
    required binary cluster (STRING);
    required binary split (STRING);
    required binary consent (STRING);
    optional binary finished_at (STRING);
    required binary request (STRING);
    optional binary intent (STRING);
    optional binary reasoning (STRING);
    required binary context (STRING);
    optional binary plan (STRING);
    required binary steps (STRING);
    optional binary quality (STRING);
    optional double quality_overall;
    optional boolean quality_passed;
    required binary blame (STRING);
    required binary business_metrics (STRING);
    required binary labels (STRING);
    required binary outcome (STRING);
    required binary models (STRING);
    optional double cost_usd;
}";

/// A file of columns.
pub struct Columns {
    file: SerializedFileWriter<Sink>,
    sink: Sink,
    rows: Vec<Vec<Cell>>,
    bytes: usize,
}

enum Cell {
    Number(i32),
    Text(Option<String>),
    Double(Option<f64>),
    Flag(Option<bool>),
}

impl Columns {
    /// An empty file.
    ///
    /// # Errors
    /// When the writer cannot begin.
    pub fn begin() -> Result<Self, RenderError> {
        let properties = WriterProperties::builder()
            .set_created_by("orchestrator".to_owned())
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_offset_index_disabled(true)
            .build();
        let sink = Sink::default();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        Ok(Self {
            file: SerializedFileWriter::new(sink.clone(), schema, Arc::new(properties))?,
            sink,
            rows: Vec::new(),
            bytes: 0,
        })
    }

    fn write_group(&mut self) -> Result<(), RenderError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let mut columns: Vec<Vec<Cell>> = Vec::new();
        for row in rows {
            columns.resize_with(row.len().max(columns.len()), Vec::new);
            for (column, cell) in columns.iter_mut().zip(row) {
                column.push(cell);
            }
        }
        let mut group = self.file.next_row_group()?;
        for cells in columns {
            let Some(mut column) = group.next_column()? else { break };
            write_column(column.untyped(), cells)?;
            column.close()?;
        }
        group.close()?;
        self.file.flush().map_err(ParquetError::from)?;
        Ok(())
    }
}

impl Render for Columns {
    fn add(&mut self, record: &TrainingRecord) -> Result<u64, RenderError> {
        let cells = cells(record)?;
        let length = |cell: &Cell| match cell {
            Cell::Text(Some(text)) => text.len(),
            _ => 8,
        };
        self.bytes += cells.iter().map(length).sum::<usize>();
        self.rows.push(cells);
        if self.rows.len() >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group()?;
        }
        Ok(1)
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut *self.sink.lock())
    }

    fn finish(&mut self) -> Result<(), RenderError> {
        self.write_group()?;
        self.file.finish()?;
        self.file.flush().map_err(ParquetError::from)?;
        Ok(())
    }
}

fn cells(record: &TrainingRecord) -> Result<Vec<Cell>, serde_json::Error> {
    let text = |text: &str| Cell::Text(Some(text.to_owned()));
    let quality = record.quality.as_ref();
    Ok(vec![
        Cell::Number(i32::try_from(record.schema_version).unwrap_or(i32::MAX)),
        text(&record.record_id),
        text(&record.cluster),
        word(&record.split)?,
        word(&record.consent)?,
        Cell::Text(record.context.finished_at.clone()),
        text(&record.request),
        optional(record.intent.as_ref())?,
        Cell::Text(record.reasoning.clone()),
        json(&record.context)?,
        optional(record.plan.as_ref())?,
        json(&record.steps)?,
        optional(quality)?,
        Cell::Double(quality.and_then(|quality| quality.overall)),
        Cell::Flag(quality.and_then(|quality| quality.passed)),
        json(&record.blame)?,
        json(&record.business_metrics)?,
        json(&record.labels)?,
        text(&record.labels.outcome),
        json(&record.models)?,
        Cell::Double(record.context.cost.usd),
    ])
}

fn json(value: &impl Serialize) -> Result<Cell, serde_json::Error> {
    Ok(Cell::Text(Some(serde_json::to_string(value)?)))
}

fn optional(value: Option<&impl Serialize>) -> Result<Cell, serde_json::Error> {
    Ok(Cell::Text(value.map(serde_json::to_string).transpose()?))
}

/// A member of a closed list, without quotes.
fn word(value: &impl Serialize) -> Result<Cell, serde_json::Error> {
    let text = serde_json::to_string(value)?;
    Ok(Cell::Text(Some(text.trim_matches('"').to_owned())))
}

fn write_column(column: &mut ColumnWriter<'_>, cells: Vec<Cell>) -> Result<(), ParquetError> {
    let levels: Vec<i16> = cells.iter().map(Cell::level).collect();
    match column {
        ColumnWriter::Int32ColumnWriter(writer) => {
            let values: Vec<i32> = cells.iter().filter_map(Cell::number).collect();
            writer.write_batch(&values, Some(&levels), None)?;
        }
        ColumnWriter::DoubleColumnWriter(writer) => {
            let values: Vec<f64> = cells.iter().filter_map(Cell::double).collect();
            writer.write_batch(&values, Some(&levels), None)?;
        }
        ColumnWriter::BoolColumnWriter(writer) => {
            let values: Vec<bool> = cells.iter().filter_map(Cell::flag).collect();
            writer.write_batch(&values, Some(&levels), None)?;
        }
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let values: Vec<ByteArray> = cells.into_iter().filter_map(Cell::text).collect();
            writer.write_batch(&values, Some(&levels), None)?;
        }
        _ => return Err(ParquetError::General("the schema has no such column".to_owned())),
    }
    Ok(())
}

impl Cell {
    /// 1: there is a value. Required columns do not look at it.
    const fn level(&self) -> i16 {
        match self {
            Self::Text(None) | Self::Double(None) | Self::Flag(None) => 0,
            _ => 1,
        }
    }

    fn number(&self) -> Option<i32> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn double(&self) -> Option<f64> {
        match self {
            Self::Double(number) => *number,
            _ => None,
        }
    }

    fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => *flag,
            _ => None,
        }
    }

    fn text(self) -> Option<ByteArray> {
        match self {
            Self::Text(text) => text.map(|text| ByteArray::from(text.into_bytes())),
            _ => None,
        }
    }
}

/// Where the writer's bytes go until they are taken.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
