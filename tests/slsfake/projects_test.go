package slsfake

import (
	"strings"
	"testing"
	"time"

	sdk "github.com/aliyun/aliyun-log-go-sdk"
	"github.com/stretchr/testify/require"
)

func TestProjects(t *testing.T) {
	s, c := newServer(t, Config{})
	client := sdk.CreateNormalInterfaceV2(sdkEndpoint, sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
	client.SetHTTPClient(c.hc)
	_, err := client.CreateProject("first", "one of two")
	require.NoError(t, err)
	_, err = client.CreateProject("first", "again")
	require.ErrorContains(t, err, "ProjectAlreadyExist")
	p, err := client.GetProject("first")
	require.NoError(t, err)
	require.Equal(t, []string{"first", "one of two", "Normal", "LRS"}, []string{p.Name, p.Description, p.Status, p.DataRedundancyType})
	_, err = client.UpdateProject("first", "changed")
	require.NoError(t, err)
	p, err = client.GetProject("first")
	require.NoError(t, err)
	require.Equal(t, "changed", p.Description)
	_, err = client.UpdateProject("none", "x")
	require.ErrorContains(t, err, "ProjectNotExist")

	_, err = client.CreateProjectV2("second", "two of two", "ZRS")
	require.NoError(t, err)
	require.NoError(t, client.CreateLogStore("second", "store", 1, 1, false, 0))
	projects, count, total, err := client.ListProjectV2(1, 2)
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, []int{count, total})
	require.Equal(t, []string{"proj", "second"}, []string{projects[0].Name, projects[1].Name})
	require.Equal(t, "ZRS", projects[1].DataRedundancyType)

	require.NoError(t, client.DeleteProject("second"))
	require.ErrorContains(t, client.DeleteProject("second"), "ProjectNotExist")
	require.Nil(t, s.Logstores("second"))
	c.host = "second.emu.local"
	require.Equal(t, "ProjectNotExist", c.get("/logstores", nil).code)
}

// The Node SDK creates a project at the endpoint itself; an address lists them all.
func TestProjectsWithoutAProjectInTheHost(t *testing.T) {
	_, c := newServer(t, Config{})
	c.host = "127.0.0.1:8089"
	require.Equal(t, 200, c.sendJSON("POST", "/", map[string]string{"projectName": "made", "description": "日志"}).status)
	type list struct {
		Count, Total int
		Projects     []struct {
			Name        string `json:"projectName"`
			Description string `json:"description"`
		}
	}
	for uri, want := range map[string]string{
		"/": "made proj", "/?offset=1&size=5": "proj", "/?projectName=ro": "proj", "/?description=%E6%97%A5": "made",
		"/?resourceGroupId=&fetchQuota=false&offset=0&size=1": "made", "/?offset=9": "",
	} {
		for _, host := range []string{"127.0.0.1:8089", "emu.local"} {
			if uri == "/" && host == "emu.local" {
				continue // that asks for the project emu
			}
			c.host = host
			var got list
			c.get(uri, &got)
			var names []string
			for _, p := range got.Projects {
				names = append(names, p.Name)
			}
			require.Equal(t, want, strings.Join(names, " "), "%s %s", host, uri)
			require.Len(t, names, got.Count)
		}
	}
	for uri, code := range map[string]string{
		"/?size=0": "ParameterInvalid", "/?size=501": "ParameterInvalid", "/?offset=-1": "ParameterInvalid",
		"/?resourceGroupId=rg": "NotSupported", "/?offset=0&fetchQuota=true": "NotSupported",
	} {
		res := c.get(uri, nil)
		require.Equal(t, []any{400, code}, []any{res.status, res.code}, uri)
	}
	for name, body := range map[string]map[string]string{
		"short name": {"projectName": "ab"}, "capital": {"projectName": "Abc"}, "no name": {"description": "x"},
		"long description": {"projectName": "abc", "description": strings.Repeat("x", 513)},
		"redundancy":       {"projectName": "abc", "dataRedundancyType": "XRS"},
	} {
		require.Equal(t, "ParameterInvalid", c.sendJSON("POST", "/", body).code, name)
	}
	c.host = "127.0.0.1:8089"
	require.Equal(t, "MissingHost", c.do(req{method: "DELETE", uri: "/"}).code)
	c.host = "made.emu.local"
	require.Equal(t, "ParameterInvalid", c.sendJSON("PUT", "/", map[string]string{"projectName": "proj"}).code)
	require.Equal(t, "NotSupported", c.sendJSON("PUT", "/", map[string]string{"dataRedundancyType": "ZRS"}).code)
	require.Equal(t, 200, c.sendJSON("PUT", "/", map[string]any{"description": nil}).status)
	var p sdk.LogProject
	c.get("/", &p)
	require.Empty(t, p.Description)
}

// A hook knows which project a request makes, whatever the host.
func TestHookSeesTheProjectToBe(t *testing.T) {
	s, c := newServer(t, Config{})
	c.host = "127.0.0.1"
	var seen []string
	s.Hook(OpCreateProject, func(call *Call) { seen = append(seen, call.Project) })
	require.Equal(t, 200, c.sendJSON("POST", "/", map[string]string{"projectName": "made"}).status)
	require.Equal(t, []string{"made"}, seen)
}

func TestIndex(t *testing.T) {
	s, c := newServer(t, Config{})
	uri := "/logstores/store/index"
	send := func(method string, body any) result { return c.sendJSON(method, uri, body) }
	key := func(kind string) map[string]any {
		return map[string]any{"keys": map[string]any{"k": map[string]any{"type": kind}}}
	}
	text := map[string]any{"keys": map[string]any{"k": map[string]any{"type": "text", "token": []string{","}, "alias": "a"}}, "ttl": 7}

	require.Equal(t, "IndexConfigNotExist", c.get(uri, nil).code)
	require.Equal(t, 400, c.get(uri, nil).status)
	require.Equal(t, "IndexConfigNotExist", send("PUT", text).code)
	require.Equal(t, "IndexConfigNotExist", c.do(req{method: "DELETE", uri: uri}).code)
	for name, body := range map[string]any{
		"nothing": map[string]any{}, "no key": map[string]any{"keys": map[string]any{}}, "no token": key("text"), "json without token": key("json"),
		"unknown type": key("date"), "line without token": map[string]any{"line": map[string]any{}},
		"both lists": map[string]any{"line": map[string]any{"token": []string{}, "include_keys": []string{"a"}, "exclude_keys": []string{"b"}}},
	} {
		require.Equal(t, "IndexInfoInvalid", send("POST", body).code, name)
	}
	require.Equal(t, 200, send("POST", text).status)
	require.Equal(t, "IndexAlreadyExist", send("POST", text).code)
	var got map[string]any
	c.get(uri, &got)
	require.Equal(t, map[string]any{"k": map[string]any{"type": "text", "token": []any{","}, "alias": "a"}}, got["keys"], "as it was set")
	require.InDelta(t, 30, got["ttl"], 0, "the logstore's")
	require.InDelta(t, time.Now().Unix(), got["lastModifyTime"], 60)
	require.Equal(t, 200, send("PUT", key("long")).status)
	got = nil
	c.get(uri, &got)
	require.Equal(t, key("long")["keys"], got["keys"])
	require.Equal(t, 200, c.do(req{method: "DELETE", uri: uri}).status)
	require.Equal(t, "IndexConfigNotExist", c.get(uri, nil).code)

	require.NoError(t, s.CreateIndex("proj", "store"))
	require.ErrorContains(t, s.CreateIndex("proj", "none"), "LogStoreNotExist")
	client := sdk.CreateNormalInterfaceV2(sdkEndpoint, sdk.NewStaticCredentialsProvider("testkey", "testsecret", ""))
	client.SetHTTPClient(c.hc)
	read, err := client.GetIndex("proj", "store")
	require.NoError(t, err)
	require.Contains(t, read.Line.Token, " ")
	require.NoError(t, client.UpdateIndex("proj", "store", *sdk.CreateDefaultIndex()))
	require.NoError(t, client.DeleteIndex("proj", "store"))
	require.Equal(t, "LogStoreNotExist", c.sendJSON("POST", "/logstores/none/index", text).code)
}
