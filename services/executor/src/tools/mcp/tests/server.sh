# A server of an earlier revision over standard input and output. What a tool does wrong is what it is called.
# LIST: file with the result of tools/list. NEXT: file that takes its place when `change` is called. SEEN: file of
# what it was told. PAD: what stands before a secret it tells. LEGACY: "ends" for a server that ends when it is asked anything before the handshake.
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
text() { answer "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }

while IFS= read -r line; do
  id=${line#*\"id\":}
  id=${id%%[,\}]*}
  [ -n "$SEEN" ] && printf '%s\n' "$line" >>"$SEEN"
  case $line in
    *'"method":"server/discover"'*)
      [ "$LEGACY" = ends ] && exit 1
      printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"unknown"}}\n' "$id" ;;
    *'"method":"initialize"'*)
      answer '{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"sh","version":"1"}}' ;;
    *'"method":"tools/list"'*) answer "$(cat "$LIST")" ;;
    *'"name":"pid"'*) text "$$" ;;
    *'"name":"environment"'*) text "$(env | cut -d= -f1 | sort | tr '\n' ' ')token $TOKEN" ;;
    *'"name":"tells_error"'*) answer "{\"isError\":true,\"content\":[{\"type\":\"text\",\"text\":\"not with $PAD$TOKEN\"}]}" ;;
    *'"name":"tells_refusal"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"not with %s"}}\n' "$id" "$PAD$TOKEN" ;;
    *'"name":"tells_question"'*)
      asking=$id
      printf '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"Is it %s?","requestedSchema":{"type":"object","properties":{"a":{"type":"string","description":"%s"}}}}}\n' "$PAD$TOKEN" "$TOKEN" ;;
    *'"name":"child"'*) sleep 300 & text "$!" ;;
    *'"name":"change"'*)
      cp "$NEXT" "$LIST"
      text changed
      printf '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n' ;;
    *'"name":"silent"'*) ;;
    *'"name":"not_json"'*) printf '<html>Please log in</html>\n' ;;
    *'"name":"not_an_answer"'*) printf '{"jsonrpc":"2.0","id":%s,"what":1}\n' "$id" ;;
    *'"name":"wrong_id"'*) printf '{"jsonrpc":"2.0","id":987654,"result":{"content":[]}}\n' ;;
    *'"name":"too_long"'*) text "$(head -c 300000 /dev/zero | tr '\0' x)" ;;
    *'"name":"endless"'*) while printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; do :; done ;;
    *'"name":"dies"'*) kill -9 $$ ;;
    *'"name":"wrong_output"'*) answer '{"content":[],"structuredContent":{"n":"one"}}' ;;
    *'"name":"fails"'*) answer '{"isError":true,"content":[{"type":"text","text":"no such file"}]}' ;;
    *'"name":"refuses"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"bad"}}\n' "$id" ;;
    *'"name":"asks"'*)
      asking=$id
      printf '{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"Which size?","requestedSchema":{"type":"object","properties":{"size":{"type":"string"}}}}}\n' ;;
    *'"id":"q"'*)
      id=$asking
      case $line in
        *'"action":"accept"'*'"size":"L"'*) text "large it is" ;;
        *) answer '{"isError":true,"content":[{"type":"text","text":"not told"}]}' ;;
      esac ;;
    *'"name":"breaks"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"bug"}}\n' "$id" ;;
  esac
done
