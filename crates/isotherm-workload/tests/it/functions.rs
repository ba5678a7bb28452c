//! Files of functions, and reading a trace to its end.

use isotherm_kernel::{Duration, Time};
use isotherm_workload::{
    Columns, CsvTable, DateColumn, FunctionColumn, FunctionColumns, FunctionNames, Part,
    SizeColumn, SizeUnit, TimeColumn, TimeUnit, Workload, WorkloadError, check_trace,
    read_functions,
};

fn columns() -> FunctionColumns {
    FunctionColumns {
        name: "function".into(),
        app: Some("app".into()),
        image: Some("image".into()),
        memory: Some(SizeColumn { name: "memory_mib".into(), unit: SizeUnit::MEBIBYTE }),
        disk: None,
        time: Some(TimeColumn { name: "timeout_s".into(), unit: TimeUnit::SECOND }),
        startup: None,
    }
}

#[test]
fn functions_are_read_with_their_units_and_gaps() {
    let text = "timeout_s,function,image,memory_mib,app\n60,\"a,b\",python,0.5,x\n\n, c ,,, \n";
    let functions = read_functions("f.csv", text.as_bytes(), &columns(), 10).unwrap();
    assert!(functions.errors.is_empty(), "{:?}", functions.errors);
    let rows: Vec<_> = functions
        .rows
        .iter()
        .map(|row| (row.line, row.name.as_str(), row.image.as_deref(), row.memory_bytes, row.time))
        .collect();
    let minute = Some(Duration::from_secs(60));
    // Half a MiB is 2^19 bytes.
    assert_eq!(
        rows,
        [(2, "a,b", Some("python"), Some(1 << 19), minute), (4, "c", None, None, None)]
    );
    let apps: Vec<_> = functions.rows.iter().map(|row| row.app.as_deref()).collect();
    assert_eq!(apps, [Some("x"), None]);
}

#[test]
fn everything_that_is_wrong_with_functions_is_told() {
    let text =
        "function,image,memory_mib,timeout_s,app\na,,1,1,\n,,1,1,\nb,,0,-1,\nc,,1\nd,,x,0,\n";
    let functions = read_functions("f.csv", text.as_bytes(), &columns(), 4).unwrap();
    let errors: Vec<_> = functions.errors.iter().map(ToString::to_string).collect();
    let expected = [
        "f.csv:3: column `function`: a function without a name",
        "f.csv:4: column `memory_mib`: a memory limit of zero",
        "f.csv:4: column `timeout_s`: `-1` is negative",
        "f.csv:5: this row has 3 fields, but the header has 5",
    ];
    assert_eq!(errors, expected);
    assert_eq!((functions.further, functions.rows.len()), (2, 1));
}

#[test]
fn a_file_without_functions_is_an_error() {
    let message = |text: &str| {
        read_functions("f.csv", text.as_bytes(), &columns(), 4).unwrap_err().to_string()
    };
    assert_eq!(message(""), "f.csv: the trace is empty");
    assert_eq!(
        message("function,app,image,memory_mib,timeout_s\n"),
        "f.csv: the trace has a header, but no row"
    );
    assert_eq!(
        message("function,app,image,memory_mib\na,,,1\n"),
        "f.csv: there is no column `timeout_s`"
    );
}

fn trace_columns(function: FunctionColumn) -> Columns {
    Columns { arrival: DateColumn::new("at", TimeUnit::SECOND), function, duration: None }
}

#[test]
fn functions_are_meant_by_their_numbers() -> Result<(), WorkloadError> {
    let columns = trace_columns(FunctionColumn::Numbered("n".into()));
    let names = FunctionNames::new(["a", "b"]);
    let text = "at,n\n0,1\n1,0\n2,2\n";
    let trace = isotherm_workload::CsvTrace::new("t.csv", text.as_bytes(), &columns, names)?;
    let numbers: Vec<_> =
        trace.arrivals().map(|arrival| arrival.map(|arrival| arrival.function)).collect();
    assert_eq!((numbers[0].as_ref().unwrap(), numbers[1].as_ref().unwrap()), (&1, &0));
    let error = numbers[2].as_ref().unwrap_err().to_string();
    assert_eq!(error, "t.csv:4: column `n`: there is no function number `2`");
    Ok(())
}

/// A good trace is the same whether it is checked or read, and a bad one is bad in both ways.
#[test]
fn a_checked_trace_is_the_one_that_is_read() {
    let columns = trace_columns(FunctionColumn::Named("f".into()));
    for text in [
        "at,f\n0,a\n1.5,b\n1.5,a\n",
        "at,f\n1,a\n0,a\n",
        "at,f\n0,a\n0,\"a\n",
        "at,f\n0,a\n1,a,a\n",
        "at,f\n0,x\n",
    ] {
        let names = FunctionNames::new(["a", "b"]);
        let table = CsvTable::new("t.csv", text.as_bytes()).unwrap();
        let check = check_trace(table, &columns, names.clone(), &Part::default(), 10).unwrap();
        let read = isotherm_workload::CsvTrace::new("t.csv", text.as_bytes(), &columns, names)
            .and_then(|trace| trace.arrivals().collect::<Result<Vec<_>, _>>());
        match read {
            Ok(arrivals) => {
                assert!(check.errors.is_empty(), "{text}: {:?}", check.errors);
                assert_eq!(check.rows, arrivals.len() as u64);
                assert_eq!(
                    (check.first, check.last),
                    (Some(Time::ZERO), arrivals.last().map(|arrival| arrival.at))
                );
            }
            Err(error) => assert_eq!(check.errors[0].to_string(), error.to_string(), "{text}"),
        }
    }
}
