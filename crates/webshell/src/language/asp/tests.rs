//! Tests of classic pages. Samples are put together here from parts, so that no page that runs commands stands in this
//! file.

use proptest::prelude::*;

use super::encoded;
use crate::{FINDING_SCORE, Language, Verdict, analyze};

fn look(template: &str) -> Verdict {
    analyze(Language::Asp, template.replace('·', "").as_bytes())
}

fn fires(template: &str) {
    let verdict = look(template);
    assert!(verdict.score >= FINDING_SCORE, "{template}: {verdict:?}");
}

fn silent(template: &str) {
    let verdict = look(template);
    assert!(verdict.score < FINDING_SCORE, "{template}: {verdict:?}");
}

#[test]
fn code_of_the_request() {
    fires(r#"<%ev·al requ·est("p")%>"#);
    fires(r#"<% a=requ·est(chr(97)) Execute·Global(StrReverse(a)) %>"#);
    fires("<% Execute _\n( _\n Requ·est _\n (\"a\") _\n) %>");
    fires("<%\n<!--\"-->\nexec·ute requ·est(\"x\")\n%>");
    fires(r#"<%session("a")=requ·est("b"):exec·ute session("a")%>"#);
    silent(
        "<% Function inc(f)\n inc=ReadText(Server.MapPath(f))\nEnd Function\nExecuteGlobal inc(\"lib.inc\") %>",
    );
    silent(r#"<% Set r=conn.Execute("select * from t where id=" & CInt(Request("id"))) %>"#);
}

#[test]
fn code_through_functions_and_classes() {
    fires(
        "<%\nFunction go(s)\n go = ev·al(s)\nEnd Function\nCall go(Requ·est.QueryString(\"q\"))\n%>",
    );
    fires(
        "<%\nClass A\n Private Sub Class_Initialize\n  ev·al\t(requ·est(\"x\"))\n End Sub\nEnd Class\nSet x = New A\n%>",
    );
}

#[test]
fn hidden_code() {
    fires(r#"<%exec·ute(Chr(101)&Chr(118)&Chr(97)&"l r"&Chr(101)&"quest(""a"")")%>"#);
    fires(
        "<%\nFunction d(h)\n For i=1 To Len(h) Step 2\n  d=d&Chr(\"&H\"&Mid(h,i,2))\n Next\nEnd Function\nExecute·Global d(\"6576616c20726571756573742822782229\")\n%>",
    );
    fires(
        "<%\nFunction f(s)\nf=Replace(StrReverse(s),\"/*/\",\"\"\"\")\nEnd Function\nExec·ute f(\")/*/z/*/(tse·uqer la·ve\")\n%>",
    );
    fires(r#"<%exec·ute("exec·ute(""ev·al requ·est(""""x"""")"")")%>"#);
    silent(
        "<%\nFunction d(h)\n For i=1 To Len(h)\n  d=d&Chr(Asc(Mid(h,i,1))+1)\n Next\nEnd Function\nResponse.Write d(\"abcdefghijklmnopqrstuvwxyz\")\n%>",
    );
}

#[test]
fn loops_are_followed_round_by_round() {
    let verdict = look(
        "<%\nFunction u(s)\n s = Split(s,\"%\")\n For x=1 To Ubound(s)\n  u=u&Chr(s(x)-66)\n Next\nEnd Function\n\
         eXec·ute(u(\"%167%184%163%174%98%180%167%179%183%167%181%182%106%100%142%100%107\"))\n%>",
    );
    let said = verdict.reasons.iter().any(|reason| reason.weight == 95);
    assert!(said, "{verdict:?}");
}

#[test]
fn programs() {
    fires(
        r#"<%=Server.CreateObj·ect("wscr·ipt.sh·ell").ex·ec("cmd /c "&requ·est("c")).stdout.readall%>"#,
    );
    fires(
        "<% With Server.CreateObj·ect(\"WScr·ipt.Sh·ell\")\n Response.Write .Ex·ec(\"x \" & Requ·est(\"x\")).StdOut.ReadAll\nEnd With %>",
    );
    fires(
        r#"<object runat=server id=ws classid="clsid:72C24DD5-D70A-438B-8A42-98424B88AFB8"></object><%=ws.ex·ec(requ·est("c")).stdout.readall%>"#,
    );
    fires(
        r#"<% x="WScr" & "ipt.Sh" & Chr(101) & "ll": Set o=CreateObj·ect(x): o.Ru·n requ·est("k"),0,true %>"#,
    );
    silent(r#"<% Set n=Server.CreateObject("WScript.Network"): Response.Write n.ComputerName %>"#);
    silent(
        r#"<% Set m=Server.CreateObject("CDO.Message"): m.TextBody=Request.Form("b"): m.Send %>"#,
    );
}

#[test]
fn files() {
    fires(
        r#"<%Set s=Server.CreateObject("ADODB.Stream"):s.Type=2:s.Open:s.Write·Text requ·est("d"):s.SaveTo·File server.mappath(requ·est("f")),2%>"#,
    );
    fires(
        "<% Set fso=CreateObject(\"Scripting.FileSystemObject\")\np=requ·est(\"p\")\nSet f=fso.GetFol·der(p)\nfso.Delete·File p\nfso.Copy·File p, requ·est(\"t\")\nSet t=fso.OpenText·File(p) %>",
    );
    silent(
        "<% Set t=CreateObject(\"Scripting.FileSystemObject\").OpenTextFile(Server.MapPath(\"guest.txt\"),8,true)\nt.WriteLine Request(\"name\")\nt.Close %>",
    );
    silent(
        "<% Set s=Server.CreateObject(\"ADODB.Stream\")\ns.Write Request.BinaryRead(Request.TotalBytes)\ns.SaveToFile Server.MapPath(\"up/\" & n & \".jpg\"),2 %>",
    );
}

#[test]
fn jscript() {
    fires(r#"<%@language=jscript%><%ev·al(Requ·est.form("x")+"")%>"#);
    fires(
        r#"<script language="JScript" runat="server">this["ev"+"al"](String(Requ·est("q")));</script>"#,
    );
    fires(r#"<%@LANGUAGE="JScript"%><% new Func·tion(Requ·est.QueryString("q"))(); %>"#);
    silent(
        r#"<%@language="JScript"%><% var o=Server.CreateObject("ADODB.Connection"); var r=o.Execute("select 1"); Response.Write(r(0).Value); %>"#,
    );
    silent(r#"<script language="JScript">eval(location.hash)</script>"#);
}

#[test]
fn the_script_encoder() {
    let hidden = "<%#@~^IQAAAA==3X+^!Y\u{7f}MVK4msPM+5E\u{7f}/OcrSl\t[MM+Xrb+AsAAA==^#~@%>";
    let (text, _, _) = encoded::decoded(hidden).unwrap();
    assert!(
        text.starts_with("Exec") && text.ends_with("(\"LandGrey\")"),
        "{text}"
    );
    fires(hidden);
}

#[test]
fn another_character_set() {
    let plain = ["ev", "al(requ", "est(\"x\"))"].concat();
    let units: Vec<u8> = plain.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let word = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, units);
    fires(&format!("<%@codepage=65000%>\n<%\n+{word}-\n%>"));
    let wide: Vec<u8> = format!("<% {plain} %>")
        .repeat(2)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(analyze(Language::Asp, &wide).score >= FINDING_SCORE);
}

#[test]
fn a_place_is_where_the_call_stands() {
    let page = ["<p>x</p><% a = 1 %><b><% ev", "al requ", "est(\"p\") %>"].concat();
    let verdict = analyze(Language::Asp, page.as_bytes());
    let reason = verdict.reasons.first().unwrap();
    assert!(
        page.get(reason.offset..).unwrap().starts_with("eval"),
        "{reason:?}"
    );
}

#[test]
fn depth_and_length_are_bounded() {
    look(&format!(
        "<% x = {}1{} : execute x %>",
        "(".repeat(200_000),
        ")".repeat(200_000)
    ));
    look(&format!(
        "<% {} execute x %>",
        "s = s & s : ".repeat(100_000)
    ));
    look(&format!("<% execute {} %>", "a(".repeat(100_000)));
    look(&format!(
        "<% {} %>",
        "For i=1 To 99999 : For j=1 To 99999 : ".repeat(2_000)
    ));
    look(&format!(
        "<% x = {} : execute x %>",
        "typeof not - ".repeat(100_000)
    ));
    look(&"<%#@~^".repeat(100_000));
    look(&"<script runat=server ".repeat(50_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_break_it(content in proptest::collection::vec(any::<u8>(), 0..600)) {
        analyze(Language::Asp, &content);
    }

    #[test]
    fn no_mixture_breaks_it(parts in proptest::collection::vec(prop::sample::select(vec![
        "<%", "%>", "execute ", "eval(", "request(", "\"", "\"\"", "&", "_\n", "\n", ":", "(", ")", "For i=1 To 9", "Next", "Function f(a)",
        "End Function", "If x Then", "Else", "With a", ".b", "&H4", "#1/1/2000#", "'", "[a", "Chr(65)", "a=a&a", "é", "\0", "new ", "dim a(",
    ]), 0..60)) {
        analyze(Language::Asp, parts.concat().as_bytes());
        analyze(Language::Aspx, format!("<%@ Page Language=\"VB\"%><%{}%>", parts.concat()).as_bytes());
    }
}
