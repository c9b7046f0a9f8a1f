//! Tests of .NET pages. Samples are put together here from parts, so that no page that runs commands stands in this
//! file.

use proptest::prelude::*;

use crate::{FINDING_SCORE, Language, Verdict, analyze};

fn look(template: &str) -> Verdict {
    analyze(Language::Aspx, template.replace('·', "").as_bytes())
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
fn programs() {
    fires(
        r#"<%@ Page Language="C#" %><% System.Diagnostics.Pro·cess.St·art("x", "/c " + Requ·est["c"]); %>"#,
    );
    fires(
        r#"<%@ Page Language="C#" %><script runat="server">string Run(string a) { Process·StartInfo p = new Process·StartInfo();
           p.FileName = "x"; p.Arguments = "/c " + a; return Pro·cess.St·art(p).StandardOutput.ReadToEnd(); }
           void Go(object s, EventArgs e) { Response.Write(Run(box.Text)); }</script><asp:TextBox id="box" runat="server"/>"#,
    );
    fires(
        "<%@ Page Language=\"VB\" %><script runat=\"server\">\nSub Go(s As Object, e As EventArgs)\nDim p As New Pro·cess()\nDim i As New Process·StartInfo(a.Text)\ni.Arguments = b.Text\np.StartInfo = i\np.St·art()\nEnd Sub\n</script><asp:TextBox id=a runat=server /><asp:TextBox id=b runat=server />",
    );
    silent(
        r#"<%@ Page Language="C#" %><script runat="server">void Go(object s, EventArgs e) { var p = new System.Diagnostics.Process();
           p.StartInfo.FileName = Server.MapPath("~/bin/pdf.exe"); p.StartInfo.Arguments = "a.html b.pdf"; p.Start(); }</script>"#,
    );
}

#[test]
fn evaluation() {
    fires(r#"<%@ Page Language="Jscript"%><%ev·al(Requ·est.Item["p"],"unsafe");%>"#);
    fires(
        "<%@PAGE LANGUAGE=JSCRIPT%>\n<%var PAY:String=\nRequ·est[\"\\x61\"];ev·al\n(PAY,\"\\x75\\x6E\\x73\\x61\"+\"\\x66\\x65\");%>",
    );
    fires(
        r#"<%@ Page Language="Jscript"%><%var P="e"+"v"+"a"+"l"+"(Req"+"uest[0],"+"\"un"+"safe\")";ev·al(P,"un"+"safe");%>"#,
    );
    silent(
        r#"<%@ Page Language="C#" %><asp:Repeater runat="server"><ItemTemplate><%# Eval("Name") %></ItemTemplate></asp:Repeater>"#,
    );
    fires(
        r#"<%@ Page Language="C#" %><% var p = new Microsoft.CSharp.CSharpCode·Provider(); p.CompileAssembly·FromSource(o, Requ·est["c"]); %>"#,
    );
}

#[test]
fn assemblies() {
    fires(
        r#"<%@ Page Language="C#" %><% byte[] c = Requ·est.BinaryRead(Requ·est.ContentLength);
           Assem·bly.Lo·ad(new RijndaelManaged().CreateDecryptor(k, k).TransformFinalBlock(c, 0, c.Length)).CreateInst·ance("U").Equals(this); %>"#,
    );
    fires(
        r#"<%@ WebHandler Language="C#" Class="H" %>
           public class H : IHttpHandler { public void ProcessRequest(HttpContext x) { byte[] d = System.Convert.FromBase64String(x.Requ·est["p"]);
           if (x.Session["a"] == null) { x.Session["a"] = (Assem·bly)typeof(Assem·bly).GetMe·thod("Lo·ad", t).Inv·oke(null, new object[] { d }); }
           else { object o = ((Assem·bly)x.Session["a"]).CreateInst·ance("L"); o.Equals(x); } } }"#,
    );
    silent(
        r#"<%@ Page Language="C#" %><script runat="server">void Page_Load(object s, EventArgs e) {
           Assembly a = Assembly.LoadFrom(Server.MapPath("~/bin/Plugins.dll")); object p = Activator.CreateInstance(a.GetType("P")); }</script>"#,
    );
}

#[test]
fn deserialization() {
    fires(
        r#"<%@ Page Language="C#" %><% new Los·Formatter().Deserial·ize(Requ·est.Form["d"]); %>"#,
    );
    silent(
        r#"<%@ Page Language="C#" %><% var b = new BinaryFormatter(); b.Deserialize(File.OpenRead(Server.MapPath("~/App_Data/c.bin"))); %>"#,
    );
}

#[test]
fn files() {
    fires(
        "<%@ Page Language=\"VB\" %><script runat=\"server\">\nSub Page_load(s As Object, e As EventArgs)\ndim w as new stream·writer(requ·est.form(\"path\"), true)\nw.wr·ite(requ·est.form(\"content\"))\nEnd Sub\n</script>",
    );
    fires(
        r#"<%@ Page Language="C#" %><script runat="server">void L() { string d = Requ·est["d"]; foreach (FileInfo f in new Directory·Info(d).GetFi·les()) x();
           File.Del·ete(d); Response.Write(File.ReadAll·Text(d)); }</script>"#,
    );
    silent(
        r#"<%@ Page Language="C#" %><script runat="server">void Up(object s, EventArgs e) {
           f.SaveAs(Server.MapPath("~/images/") + Guid.NewGuid() + ".jpg"); }</script><asp:FileUpload id="f" runat="server"/>"#,
    );
    silent(
        r#"<%@ Application Language="C#" %><script runat="server">void Application_Error(object s, EventArgs e) {
           System.IO.File.AppendAllText(Server.MapPath("~/App_Data/err.log"), Server.GetLastError().ToString()); }</script>"#,
    );
}

#[test]
fn hidden_letters() {
    fires(
        r#"<%@ Page Language="Jscript"%><%\u0065\u0076\u0061\u006c(Requ·est.Item["p"],"unsafe");%>"#,
    );
    fires(
        "<%@ Page Language=\"C#\"%><% System.Diag\u{200b}nostics.Pro\u{200c}cess.St\u{200d}art(\"x\", Requ·est[\"c\"]); %>",
    );
}

#[test]
fn databases() {
    fires(
        "<%@ Page Language=\"VB\" %><script runat=\"server\">\nSub Go(s As Object, e As EventArgs)\nDim k As New SqlCommand(\"exec master.dbo.xp_cmd·shell '\" & x.Text & \"'\", c)\nEnd Sub</script><asp:TextBox id=x runat=server />",
    );
    silent(
        r#"<%@ Page Language="C#" %><% SqlCommand k = new SqlCommand("select * from t where id=@id", c);
           k.Parameters.AddWithValue("@id", Request["id"]); k.ExecuteReader(); %>"#,
    );
}

#[test]
fn native_code_and_tunnels() {
    fires(
        r#"<%@ Page Language="C#" %><script runat="server">[DllImport("kernel32")] static extern IntPtr Virtual·Alloc(IntPtr a, UIntPtr b, int c, IntPtr d);
           [DllImport("kernel32")] static extern IntPtr Create·Thread(IntPtr a, UIntPtr b, IntPtr c, IntPtr d, int e, ref IntPtr f);</script>"#,
    );
    fires(
        r#"<%@ Page Language="C#" %><% String t = Requ·est.Headers.Get("X-T"); IPEndPoint p = new IPEndPoint(Dns.GetHostAddresses(t)[0], 80);
           Sock·et s = new Sock·et(a, b, c); s.Conn·ect(p); %>"#,
    );
    silent(
        r#"<%@ Page Language="C#" %><% TcpClient c = new TcpClient("mail.example.com", 25); c.GetStream(); %>"#,
    );
}

#[test]
fn depth_and_length_are_bounded() {
    let head = "<%@ Page Language=\"C#\" %><% ";
    look(&format!(
        "{head} x = {}1{}; Process p; %>",
        "(".repeat(100_000),
        ")".repeat(100_000)
    ));
    look(&format!(
        "{head} Process p; {} %>",
        "s = s + s; ".repeat(100_000)
    ));
    look(&format!(
        "{head} Process p; {} %>",
        "if (a) { foreach (var x in y) { ".repeat(20_000)
    ));
    look(&format!(
        "<%@ Page Language=\"JScript\" %><% eval(x); {} %>",
        "a[".repeat(100_000)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_break_it(content in proptest::collection::vec(any::<u8>(), 0..600)) {
        analyze(Language::Aspx, &content);
    }

    #[test]
    fn no_mixture_breaks_it(parts in proptest::collection::vec(prop::sample::select(vec![
        "<%", "%>", "<script runat=server>", "</script>", "Process", ".Start(", "Request[\"a\"]", "\"", "$\"{", "@\"", "{", "}", "(", ")",
        "=>", "for(int i=0;i<9;i++)", "string a(string b) {", "return ", "\\u0041", "\\U00000041", "\u{200b}", "new X { A = ", "a?.b", "typeof(",
    ]), 0..60)) {
        analyze(Language::Aspx, parts.concat().as_bytes());
        analyze(Language::Aspx, format!("<%@ Page Language=\"JScript\"%><%{}%>", parts.concat()).as_bytes());
    }
}
