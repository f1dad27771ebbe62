//! Conditions on columns that are known.

use core::ops::{Range, RangeInclusive};
use std::boxed::Box;
use std::string::String;
use std::vec::Vec;

use super::parse::{Compare, Expr, Operand, Path, What, Wrong};
use super::table::{Column, Table};
use super::test::{Place, Test};
use super::time;
use crate::dtype::{Field, Kind, Order, Unit};

type Checked<T> = Result<T, Wrong>;

/// The test of a row that a condition is.
pub(super) fn test(expr: &Expr, table: &Table) -> Checked<Test> {
    let each = |list: &[Expr]| -> Checked<Vec<Test>> {
        list.iter().map(|expr| test(expr, table)).collect()
    };
    match expr {
        Expr::All(list) => Ok(Test::All(each(list)?)),
        Expr::Any(list) => Ok(Test::Any(each(list)?)),
        Expr::Not(expr) => Ok(negated(test(expr, table)?)),
        Expr::True(path) => Known::find(path, table)?.truth(),
        Expr::Missing(path) => Ok(Known::find(path, table)?.missing()),
        Expr::In(path, list) => {
            let column = Known::find(path, table)?;
            let tests = list.iter().map(|value| match &value.what {
                What::Column(other) => column.pair(Compare::Equal, &Known::find(other, table)?),
                _ => column.compare(Compare::Equal, value),
            });
            Ok(Test::Any(tests.collect::<Checked<_>>()?))
        }
        Expr::Compare(left, compare, right) => match (&left.what, &right.what) {
            (What::Column(one), What::Column(other)) => {
                Known::find(one, table)?.pair(*compare, &Known::find(other, table)?)
            }
            (What::Column(path), _) => Known::find(path, table)?.compare(*compare, right),
            (_, What::Column(path)) => Known::find(path, table)?.compare(compare.mirrored(), left),
            _ => Err(no_column(left, right)),
        },
    }
}

fn negated(test: Test) -> Test {
    match test {
        Test::Always(holds) => Test::Always(!holds),
        test => Test::Not(Box::new(test)),
    }
}

fn no_column(left: &Operand, right: &Operand) -> Wrong {
    let wrong = Wrong::new(left.at.start..right.at.end, "a column is expected on one side");
    match &left.what {
        What::Number(number) if number.text().bytes().all(|byte| byte.is_ascii_digit()) => {
            wrong.hinting(std::format!("a column by its place is [{}]", number.text()))
        }
        What::Text(text) => wrong.hinting(std::format!("a name may stand in backticks: `{text}`")),
        _ => wrong,
    }
}

/// What is wrong, as long as the columns have these types.
fn unfit(at: Range<usize>, what: impl Into<String>) -> Wrong {
    Wrong { by_type: true, ..Wrong::new(at, what) }
}

/// A column that is there, and where the condition names it.
struct Known<'t> {
    column: Column,
    field: Field<'t>,
    at: Range<usize>,
}

impl<'t> Known<'t> {
    /// A column of single values that can be compared.
    fn find(path: &Path, table: &'t Table) -> Checked<Self> {
        let column = table.find(&path.steps).map_err(|missing| {
            let at = path.places.get(missing.step).cloned().unwrap_or_else(|| path.at());
            Wrong { hint: missing.hint, ..Wrong::new(at, missing.what) }
        })?;
        let field = table.field(&column);
        let known = Self { column, field, at: path.at() };
        let name = known.column.name();
        if !known.column.dims().is_empty() {
            let zeros = std::vec!["0"; known.column.dims().len()].join(",");
            return Err(Wrong::new(known.at.clone(), std::format!("'{name}' is an array"))
                .hinting(std::format!("one of its values is {name}[{zeros}]")));
        }
        match field.kind() {
            Kind::Record => {
                let wrong = Wrong::new(known.at.clone(), std::format!("'{name}' is a record"));
                let first = field.fields().next().map(|field| field.name());
                Err(match first {
                    Some(first) => {
                        wrong.hinting(std::format!("one of its fields is {name}.{first}"))
                    }
                    None => wrong,
                })
            }
            Kind::Void => {
                let what = std::format!("'{name}' has bytes without a meaning, which stand alone");
                Err(Wrong::new(known.at.clone(), what))
            }
            _ => Ok(known),
        }
    }

    fn place(&self) -> Place {
        Place {
            offset: self.column.offset(),
            size: self.field.itemsize() as usize,
            kind: self.field.kind(),
            little: self.field.order() != Order::Big,
        }
    }

    fn unit(&self) -> (Unit, u32) {
        self.field.unit().unwrap_or((Unit::Generic, 1))
    }

    /// What its values are, for messages.
    fn noun(&self) -> &'static str {
        match self.field.kind() {
            Kind::Bool => "a truth value",
            Kind::Int | Kind::Uint => "an integer",
            Kind::Float => "a number",
            Kind::Complex => "a complex number",
            Kind::Bytes | Kind::Unicode => "a text",
            Kind::Datetime => "a datetime",
            Kind::Timedelta => "a duration",
            Kind::Void | Kind::Record => "bytes",
        }
    }

    /// It is a condition by itself.
    fn truth(&self) -> Checked<Test> {
        if self.field.kind() == Kind::Bool {
            return Ok(Test::Unsigned(self.place(), 1..=1));
        }
        let (name, noun) = (self.column.name(), self.noun());
        Err(unfit(self.at.clone(), std::format!("'{name}' is {noun}, and alone no condition"))
            .hinting("a comparison such as '==', '<' or 'in' is expected behind it"))
    }

    /// It is NaN, `NaT` or an empty text.
    fn missing(&self) -> Test {
        let place = self.place();
        match self.field.kind() {
            Kind::Float => negated(Test::Float(place, f64::NEG_INFINITY..=f64::INFINITY)),
            Kind::Complex => {
                let both =
                    self.parts().map(|part| Test::Float(part, f64::NEG_INFINITY..=f64::INFINITY));
                negated(Test::All(both.into()))
            }
            Kind::Datetime | Kind::Timedelta => Test::Signed(place, i64::MIN..=i64::MIN),
            Kind::Bytes | Kind::Unicode => Test::Same(place, std::vec![0; place.size]),
            _ => Test::Always(false),
        }
    }

    /// The real and the imaginary part of a complex number.
    fn parts(&self) -> [Place; 2] {
        let place = self.place();
        let half = Place { size: place.size / 2, kind: Kind::Float, ..place };
        [half, Place { offset: half.offset + half.size, ..half }]
    }

    /// It stands so to a value.
    fn compare(&self, compare: Compare, value: &Operand) -> Checked<Test> {
        if compare == Compare::Unequal {
            return self.compare(Compare::Equal, value).map(negated);
        }
        let (place, kind) = (self.place(), self.field.kind());
        match (&value.what, kind) {
            (What::Nothing, _) => Err(self.nothing(value)),
            (What::Number(number), Kind::Int) => Ok(signed(place, compare, number.floor(), false)),
            (What::Number(number), Kind::Uint | Kind::Bool) => {
                Ok(unsigned(place, compare, number.floor()))
            }
            (What::Bool(is), Kind::Bool) => Ok(unsigned(place, compare, (i128::from(*is), true))),
            (What::Number(number), Kind::Float) => {
                Ok(float(place, compare, number.float(place.size)))
            }
            (What::Number(number), Kind::Complex) if compare == Compare::Equal => {
                let [re, im] = self.parts();
                let re = float(re, compare, number.float(re.size));
                Ok(Test::All(Vec::from([re, Test::Float(im, 0.0..=0.0)])))
            }
            (_, Kind::Complex) if compare != Compare::Equal => {
                let what = "complex numbers have no order: '==' and '!=' compare them";
                Err(unfit(self.at.clone(), what))
            }
            (What::Text(text), Kind::Bytes | Kind::Unicode) => Ok(text_test(place, compare, text)),
            (What::Text(text), Kind::Datetime) => {
                let floor = time::moment(text, self.unit()).ok_or_else(|| self.no_time(value))?;
                Ok(signed(place, compare, floor, true))
            }
            (What::Text(text), Kind::Timedelta) => {
                let floor = time::duration(text, self.unit()).ok_or_else(|| self.no_time(value))?;
                Ok(signed(place, compare, floor, true))
            }
            (What::Number(number), Kind::Timedelta) => {
                Ok(signed(place, compare, number.floor(), true))
            }
            _ => Err(self.unlike(value)),
        }
    }

    fn nothing(&self, value: &Operand) -> Wrong {
        Wrong::new(value.at.clone(), "nothing equals this, not even itself")
            .hinting(std::format!("'{} is missing' finds it", self.column.name()))
    }

    fn no_time(&self, value: &Operand) -> Wrong {
        let (unit, name) = (self.unit(), self.column.name());
        let said = match self.field.kind() {
            Kind::Datetime if unit.0 == Unit::Generic => {
                std::format!("'{name}' has datetimes without a unit, which mean no time")
            }
            Kind::Datetime => "this is no date such as '2000-12-31T23:59:59'".into(),
            _ => std::format!("this is no duration such as '90{}'", unit.0.symbol()),
        };
        unfit(value.at.clone(), said)
    }

    /// The value is of another sort.
    fn unlike(&self, value: &Operand) -> Wrong {
        let (name, noun) = (self.column.name(), self.noun());
        let (other, hint) = match &value.what {
            What::Number(number) => (
                "a number",
                match self.field.kind() {
                    Kind::Datetime => Some("a date stands in quotes: '2000-12-31'".into()),
                    _ => Some(std::format!("a text stands in quotes: '{}'", number.text())),
                },
            ),
            What::Text(text) => {
                let number = text.trim().parse::<f64>().is_ok();
                ("a text", number.then(|| std::format!("without quotes: {}", text.trim())))
            }
            What::Bool(is) => {
                let number = matches!(self.field.kind(), Kind::Int | Kind::Uint | Kind::Float);
                ("a truth value", number.then(|| std::format!("as a number: {}", u8::from(*is))))
            }
            What::Nothing | What::Column(_) => ("something else", None),
        };
        let what = std::format!("'{name}' is {noun}, and this is {other}");
        Wrong { hint, ..unfit(value.at.clone(), what) }
    }

    /// It stands so to another column.
    fn pair(&self, compare: Compare, other: &Self) -> Checked<Test> {
        let sort = |known: &Self| match known.field.kind() {
            Kind::Bool | Kind::Int | Kind::Uint | Kind::Float => Some(0),
            Kind::Bytes | Kind::Unicode => Some(1),
            Kind::Datetime => Some(2),
            Kind::Timedelta => Some(3),
            _ => None,
        };
        let at = self.at.start.min(other.at.start)..self.at.end.max(other.at.end);
        let (one, two) = (self.column.name(), other.column.name());
        if sort(self).is_none() || sort(self) != sort(other) {
            let (noun, other) = (self.noun(), other.noun());
            let what = std::format!("'{one}' is {noun} and '{two}' is {other}: they have no order");
            return Err(unfit(at, what));
        }
        if matches!(sort(self), Some(2 | 3)) && self.unit() != other.unit() {
            let what = std::format!("'{one}' and '{two}' are counted in different units");
            return Err(unfit(at, what));
        }
        Ok(Test::Pair(self.place(), compare, other.place()))
    }
}

/// The values between these limits that stand so to what is `floor`, or a bit more if it is not
/// `whole`.
fn interval(
    compare: Compare,
    (floor, whole): (i128, bool),
    (least, most): (i128, i128),
) -> Option<(i128, i128)> {
    let (low, high) = match compare {
        Compare::Equal | Compare::Unequal if whole => (floor, floor),
        Compare::Equal | Compare::Unequal => return None,
        Compare::Less if whole => (least, floor.checked_sub(1)?),
        Compare::Less | Compare::LessEqual => (least, floor),
        Compare::GreaterEqual if whole => (floor, most),
        Compare::Greater | Compare::GreaterEqual => (floor.checked_add(1)?, most),
    };
    let (low, high) = (low.max(least), high.min(most));
    (low <= high).then_some((low, high))
}

/// Of times the least count is none.
fn signed(place: Place, compare: Compare, value: (i128, bool), time: bool) -> Test {
    let least = i128::from(i64::MIN) + i128::from(time);
    match interval(compare, value, (least, i64::MAX.into())) {
        Some((low, high)) => Test::Signed(place, low as i64..=high as i64),
        None => Test::Always(false),
    }
}

fn unsigned(place: Place, compare: Compare, value: (i128, bool)) -> Test {
    match interval(compare, value, (0, u64::MAX.into())) {
        Some((low, high)) => Test::Unsigned(place, low as u64..=high as u64),
        None => Test::Always(false),
    }
}

fn float(place: Place, compare: Compare, (floor, whole): (f64, bool)) -> Test {
    let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
    let range: RangeInclusive<f64> = match compare {
        Compare::Equal | Compare::Unequal if whole => floor..=floor,
        Compare::Less if whole && floor > least => least..=floor.next_down(),
        Compare::LessEqual => least..=floor,
        Compare::Less if !whole => least..=floor,
        Compare::GreaterEqual if whole => floor..=most,
        Compare::Greater | Compare::GreaterEqual if floor < most => floor.next_up()..=most,
        _ => return Test::Always(false),
    };
    Test::Float(place, range)
}

fn text_test(place: Place, compare: Compare, text: &str) -> Test {
    let text = text.trim_end_matches('\0');
    if compare != Compare::Equal {
        return Test::Text(place, compare, text.chars().map(u32::from).collect());
    }
    let mut bytes = Vec::new();
    for c in text.chars().map(u32::from) {
        match place.kind {
            Kind::Unicode if place.little => bytes.extend(c.to_le_bytes()),
            Kind::Unicode => bytes.extend(c.to_be_bytes()),
            _ => match u8::try_from(c) {
                Ok(byte) => bytes.push(byte),
                Err(_) => return Test::Always(false),
            },
        }
    }
    if bytes.len() > place.size {
        return Test::Always(false);
    }
    bytes.resize(place.size, 0);
    Test::Same(place, bytes)
}
