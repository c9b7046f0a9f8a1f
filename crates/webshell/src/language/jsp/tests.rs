//! Tests of pages. Samples are put together here from parts, so that no page that runs commands stands in this file.

use proptest::prelude::*;

use crate::{FINDING_SCORE, Language, Verdict, analyze};

/// The page of a template: the marks that keep its words apart fall out.
fn look(template: &str) -> Verdict {
    analyze(Language::Jsp, template.replace('·', "").as_bytes())
}

fn fires(template: &str) {
    let verdict = look(template);
    assert!(verdict.score >= FINDING_SCORE, "{template}: {verdict:?}");
    assert!(!verdict.reasons.is_empty());
}

fn silent(template: &str) {
    let verdict = look(template);
    assert!(verdict.score < FINDING_SCORE, "{template}: {verdict:?}");
}

#[test]
fn commands_of_the_request() {
    fires(r#"<%= Runt·ime.getRunt·ime().ex·ec(request.getPara·meter("c")) %>"#);
    fires(
        r#"<%! Object go(String c) throws Exception { return new Process·Builder("sh", "-c", c).st·art(); } %>
           <% String q = request.getHe·ader("X-Q"); if (q != null) out.print(go(q)); %>"#,
    );
    fires(
        r#"<%! String kept; void take(HttpServletRequest r) { this.kept = r.getPara·meter("k"); } %>
           <% take(request); Runt·ime.getRunt·ime().ex·ec(kept); %>"#,
    );
}

#[test]
fn the_machine_asked_about_itself() {
    silent("<% Runtime r = Runtime.getRuntime(); out.print(r.freeMemory() / 1024); %>");
    silent(r#"<% Command c = new Command(); c.exec(); String v = request.getParameter("v"); %>"#);
}

#[test]
fn names_put_together() {
    fires(
        r#"<% Class k = Class.forN·ame("java.la" + "ng.Runt" + "ime");
           Object o = k.getMe·thod("getRunt" + "ime").inv·oke(null);
           k.getMe·thod("ex" + "ec", String.class).inv·oke(o, request.getPara·meter("x")); %>"#,
    );
    fires(
        r#"<%! static String d(int[] a) { StringBuilder s = new StringBuilder();
                for (int i = 0; i < a.length; i++) { s.append((char) (a[i] ^ 7)); } return s.toString(); } %>
           <% Class c = Class.forN·ame(d(new int[]{109,102,113,102,41,107,102,105,96,41,85,114,105,115,110,106,98}));
              c.getMe·thod(d(new int[]{98,127,98,100}), String.class).inv·oke(null, request.getPara·meter("a")); %>"#,
    );
    silent(
        r#"<% Object bean = request.getAttribute("bean");
           out.print(bean.getClass().getMethod("getName").invoke(bean)); %>"#,
    );
}

#[test]
fn constants_are_folded_to_the_name() {
    let verdict = look(
        r#"<% Class k = Class.forN·ame(new String(new byte[]{106,97,118,97,46,108,97,110,103,46,82,117,110,116,105,109,101})); %>"#,
    );
    let named = verdict
        .reasons
        .iter()
        .any(|reason| reason.text.contains("by its name"));
    assert!(named, "{verdict:?}");
}

#[test]
fn bytes_that_become_classes() {
    fires(
        r#"<%! class U extends Class·Loader { U(ClassLoader c) { super(c); }
                Class g(byte[] b) { return super.define·Class(b, 0, b.length); } } %>
           <% new U(getClass().getClassLoader()).g(new sun.misc.BASE64Decoder().decodeBuffer(request.getPara·meter("a")))
                .newInst·ance().equals(pageContext); %>"#,
    );
    silent(
        r#"<% Cipher c = Cipher.getInstance("AES"); c.init(2, key);
           session.setAttribute("uid", new String(c.doFinal(Base64.getDecoder().decode(request.getParameter("t"))))); %>"#,
    );
}

#[test]
fn scripts_and_expressions() {
    fires(
        r#"<% new javax.script.Script·EngineManager().getEngineByName("js").ev·al(request.getPara·meter("s")); %>"#,
    );
    fires(
        r#"<b>${"".getCl·ass().forN·ame("java.lang.Runt·ime").getMethods()[6].inv·oke(null, param.c)}</b>"#,
    );
    silent(
        r#"<b>${fn:escapeXml(param.q)} ${pageContext.request.getContextPath()} ${empty list ? 'no' : list.size()}</b>"#,
    );
}

#[test]
fn objects_and_names_from_the_request() {
    fires("<% new java.io.Object·InputStream(request.getInput·Stream()).read·Object(); %>");
    fires(r#"<% new javax.naming.InitialContext().look·up(request.getPara·meter("n")); %>"#);
    silent(
        r#"<% Object ds = new javax.naming.InitialContext().lookup("java:comp/env/jdbc/app"); %>"#,
    );
}

#[test]
fn files_the_request_writes() {
    fires(
        r#"<% new java.io.FileOutput·Stream(application.getRealPath("/") + request.getPara·meter("f"))
              .write(request.getPara·meter("t").getBytes()); %>"#,
    );
    silent(
        r#"<% java.io.FileWriter w = new java.io.FileWriter(application.getRealPath("/WEB-INF/log.txt"), true);
           w.write(request.getParameter("msg")); w.close(); %>"#,
    );
    silent(
        r#"<% Part p = request.getPart("file"); InputStream in = p.getInputStream(); byte[] b = new byte[99]; int n;
           FileOutputStream o = new FileOutputStream(new File(dir, System.nanoTime() + ".png"));
           while ((n = in.read(b)) != -1) o.write(b, 0, n); %>"#,
    );
}

#[test]
fn file_managers() {
    fires(
        r#"<% String p = request.getPara·meter("p"); File f = new File(p);
           if (a.equals("l")) { for (File x : f.listF·iles()) out.print(x.getName()); }
           if (a.equals("d")) f.del·ete(); if (a.equals("r")) f.rename·To(new File(request.getPara·meter("n")));
           if (a.equals("m")) f.mkd·irs(); %>"#,
    );
    silent(
        r#"<% File d = new File(application.getRealPath("/photos") + "/" + request.getParameter("album"));
           for (File x : d.listFiles()) out.print(x.getName()); %>"#,
    );
}

#[test]
fn tunnels() {
    fires(
        r#"<% String t = request.getHe·ader("X-T"); java.nio.channels.Socket·Channel s = java.nio.channels.Socket·Channel.open();
           s.conn·ect(new java.net.InetSocketAddress(t, 80)); session.setAttribute("s", s); %>"#,
    );
}

#[test]
fn plain_letters_as_escapes() {
    let hidden: String = [
        "Runt",
        "ime.getRunt",
        "ime().ex",
        "ec(request.getPara",
        "meter(\"c\"));",
    ]
    .concat()
    .chars()
    .map(|c| format!("\\u{:04x}", u32::from(c)))
    .collect();
    fires(&format!("<%{hidden}%>"));
    silent(r#"<% String t = "\u7528\u6237\u540d\u5bc6\u7801\u0022"; out.print(t); %>"#);
}

#[test]
fn xml_pages() {
    let head = r#"<jsp:root xmlns:jsp="http://java.sun.com/JSP/Page" version="2.0">"#;
    fires(&format!(
        "{head}<jsp:scriptlet>Runt<![CDATA[ime.getRunt]]>ime().ex<![CDATA[ec(request.getPara]]>meter(\"c\"));</jsp:scriptlet></jsp:root>"
    ));
    fires(&format!(
        "{head}<x:expression>Runt·ime.getRunt&#105;me().&#x65;xec(request.getPara·meter(&quot;c&quot;))</x:expression></jsp:root>"
    ));
    silent(&format!(
        "{head}<jsp:scriptlet><![CDATA[ if (request.getParameter(\"a\").length() > 3) {{ ]]></jsp:scriptlet></jsp:root>"
    ));
}

#[test]
fn other_encodings() {
    let page = r#"<%@page language="java"%><% Runt·ime.getRunt·ime().ex·ec(request.getPara·meter("c")); %>"#.replace('·', "");
    let wide: Vec<u8> = page.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let verdict = analyze(Language::Jsp, &wide);
    assert!(verdict.score >= FINDING_SCORE, "{verdict:?}");
    let odd: Vec<u8> = [b"\xcf\xfe\xb5".as_slice(), page.as_bytes()].concat();
    assert!(analyze(Language::Jsp, &odd).score >= FINDING_SCORE);
}

#[test]
fn a_place_is_where_the_call_stands() {
    let page = r#"<html><% int a = 1; %><p><% Runt·ime.getRunt·ime().ex·ec(request.getPara·meter("c")); %>"#.replace('·', "");
    let verdict = analyze(Language::Jsp, page.as_bytes());
    let reason = verdict.reasons.first().unwrap();
    let text = page
        .get(reason.offset..reason.offset + reason.length)
        .unwrap();
    assert!(
        text.starts_with("Runt") && text.ends_with("(\"c\"))"),
        "{text}"
    );
}

#[test]
fn code_that_breaks_out_of_its_method() {
    fires(
        r#"<% String c = request.getPara·meter("c"); go(out, c); } catch (Throwable t) {} } public void go(JspWriter o, String c)
              throws Exception { try { o.print(Runt·ime.getRunt·ime().ex·ec(c.split(" "))); %>"#,
    );
}

#[test]
fn depth_and_length_are_bounded() {
    let deep = format!(
        "<% x = {}1{}; Runtime r; %>",
        "(".repeat(200_000),
        ")".repeat(200_000)
    );
    look(&deep);
    let calls = format!(
        "<% String s = \"\"; Runtime r; {} %>",
        "s = s + s + f(s); ".repeat(60_000)
    );
    look(&calls);
    let blocks = format!("<% Runtime r; {} %>", "if (a) { for (;;) { ".repeat(50_000));
    look(&blocks);
    look(&"<%".repeat(300_000));
    look(&"${".repeat(300_000));
    look(&"<x:scriptlet>&#".repeat(40_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_break_it(content in proptest::collection::vec(any::<u8>(), 0..600)) {
        analyze(Language::Jsp, &content);
    }

    #[test]
    fn no_mixture_breaks_it(parts in proptest::collection::vec(prop::sample::select(vec![
        "<%", "%>", "<%!", "<%=", "${", "}", "{", "(", ")", "\"", "'", "\\u0041", "\\u", "Runtime", ".exec(", "for(int i=0;i<9;i++)",
        "new String(", "Class.forName(", "class A extends B {", "a=a+a;", "<jsp:scriptlet>", "<![CDATA[", "&#x41;", "é", "\0", "->",
    ]), 0..60)) {
        analyze(Language::Jsp, parts.concat().as_bytes());
    }
}
