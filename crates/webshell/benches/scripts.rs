//! Scripts per second: a mixed set as web roots hold it, mostly ordinary, some of it close to what a webshell does.

#![allow(
    missing_docs,
    reason = "criterion's macros make items without documentation"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use yagura_webshell::{Language, analyze};

/// A class of a library: no input, nothing executed.
fn library(number: usize) -> String {
    let mut script =
        format!("<?php\nnamespace App\\Part{number};\n\nclass Thing{number} extends Base\n{{\n");
    for method in 0..24 {
        script.push_str(&format!(
            "    /** Gives part {method}. */\n    public function part{method}(array $values, $name = 'x{method}')\n    {{\n        \
             $sum = 0;\n        foreach ($values as $key => $value) {{\n            if ($value > {number}) {{ $sum += strlen($key) * $value; }}\n        }}\n        \
             return sprintf('%s: %d', $this->names[$name], $sum);\n    }}\n\n"
        ));
    }
    script.push_str("}\n");
    script
}

/// A page of an application: takes input, calls functions, includes templates.
fn page(number: usize) -> String {
    let mut script =
        String::from("<?php\nrequire_once __DIR__ . '/config.php';\nsession_start();\n");
    for step in 0..16 {
        script.push_str(&format!(
            "$value{step} = isset($_POST['field{step}']) ? trim($_POST['field{step}']) : '';\n\
             if ($value{step} === '') {{ $errors[] = 'Field {step} is missing on page {number}'; }}\n\
             else {{ $rows = $db->query('select * from t{step} where a = ' . $db->quote($value{step})); }}\n\
             echo '<td>' . htmlspecialchars($value{step}) . '</td>';\n"
        ));
    }
    script.push_str("$view = 'list'; include 'views/' . $view . '.php';\ncall_user_func($callbacks[$view], $rows);\n?>\n<p>done</p>\n");
    script
}

/// A table of data.
fn table(number: usize) -> String {
    let rows: String = (0..400)
        .map(|row| {
            format!(
                "    'key{row}' => ['name' => 'Row {row}', 'value' => {}],\n",
                row * number
            )
        })
        .collect();
    format!("<?php\nreturn [\n{rows}];\n")
}

/// Something that hides a command, put together here so that none is stored.
fn hidden(number: usize) -> String {
    let name: String = "flfgrz"
        .chars()
        .map(|letter| format!("chr({}).", u32::from(letter)))
        .collect();
    format!(
        "<?php\n$n = {number};\n$f = str_rot13({}'');\n$f($_{}['c']);\n",
        name, "POST"
    )
}

fn scripts(c: &mut Criterion) {
    let set: Vec<String> = (0..200)
        .map(|number| match number % 20 {
            0..9 => library(number),
            9..16 => page(number),
            16..19 => table(number),
            _ => hidden(number),
        })
        .collect();
    let mut group = c.benchmark_group("webshell");
    group.throughput(Throughput::Elements(set.len() as u64));
    group.bench_function("php, mixed", |b| {
        b.iter(|| {
            for script in &set {
                black_box(analyze(Language::Php, script.as_bytes()));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, scripts);
criterion_main!(benches);
